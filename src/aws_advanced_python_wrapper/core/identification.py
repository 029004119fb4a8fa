"""Finds out which database, cluster and instance a fresh connection leads to."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.directory import CLUSTERS, Cluster
from aws_advanced_python_wrapper.cluster.endpoint import InstancePattern
from aws_advanced_python_wrapper.cluster.host import HostInfo, address
from aws_advanced_python_wrapper.cluster.monitor import Pace
from aws_advanced_python_wrapper.database.detection import detect, named
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.database import AUXILIARY_QUERY_TIMEOUT_SEC, WRAPPER_DIALECT
from aws_advanced_python_wrapper.parameters.failover import FAILOVER_CLUSTER_TOPOLOGY_REFRESH_RATE_SEC
from aws_advanced_python_wrapper.parameters.topology import (
    CLUSTER_ID,
    CLUSTER_INSTANCE_HOST_PATTERN,
    CLUSTER_TOPOLOGY_HIGH_REFRESH_RATE_MS,
    TOPOLOGY_REFRESH_MS,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.endpoint import Endpoint
    from aws_advanced_python_wrapper.cluster.host import HostRole
    from aws_advanced_python_wrapper.database.dialect import Ask, Dialect, Member
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter, DriverIo, RawConnection
    from aws_advanced_python_wrapper.properties import Settings

logger = logging.getLogger(__name__)


class Locator:
    """Tells where the connections of one session lead: to which database, cluster and instance.

    `cluster` is None until a connection has told it, and for a database that knows no cluster.
    """

    def __init__(self, settings: Settings, endpoint: Endpoint, adapter: DriverAdapter) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._adapter = adapter
        self._port = settings.port or adapter.default_port
        self._address = address(endpoint.host, self._port)
        self.cluster: Cluster | None = CLUSTERS.find(self._cluster_name, self._address)
        code = settings[WRAPPER_DIALECT] or CLUSTERS.dialect_code(self._address)
        self._dialect: Dialect | None = named(code) if code else None

    async def identify(self, io: DriverIo, raw: RawConnection, host: HostInfo, limit: Deadline) -> HostInfo:
        """Ask the server of a fresh connection who it is, tell its cluster, and return the host as a member of it.

        A known cluster costs one query, a new one three; a database without clusters costs none once it is known.
        """
        deadline = limit.bounded(self._settings[AUXILIARY_QUERY_TIMEOUT_SEC])
        ask: Ask = partial(self._adapter.query, io, raw, deadline=deadline)
        dialect = self._dialect = self._dialect or await self._detect(ask)
        if not dialect.knows_cluster:
            return host
        at = time.monotonic()
        host_id, role = await dialect.identify(ask)
        cluster = self.cluster
        members: tuple[Member, ...] = ()
        if cluster is None or not self._is_of(cluster, host_id):
            members = await dialect.members(ask)
            cluster = self.cluster = self._settle(dialect, host_id, role, members, at)
        observation = cluster.observation(host_id, role, members, at)
        found = cluster.store.publish(observation).find(observation.address)
        # A host that has just joined, or is about to leave, may be missing in its own table: it is no worse for it.
        return found or HostInfo(cluster.pattern.host(host_id), cluster.port, role, host_id=host_id)

    async def _detect(self, ask: Ask) -> Dialect:
        dialect = await detect(self._adapter.code, ask)
        CLUSTERS.note_dialect_code(self._address, dialect.code)
        logger.debug("%s speaks %s", self._address, dialect.code)
        return dialect

    def _is_of(self, cluster: Cluster, host_id: str) -> bool:
        pattern = self._instance_pattern
        return cluster.knows(host_id) and pattern in (None, cluster.pattern)

    def _settle(
        self, dialect: Dialect, host_id: str, role: HostRole, members: tuple[Member, ...], at: float
    ) -> Cluster:
        pattern = self._instance_pattern
        if pattern is None:
            raise AwsWrapperError(
                f"host {self._endpoint.host!r} leads to a cluster, but does not tell how the cluster's instances are "
                "called. Set cluster_instance_host_pattern to the host name of an instance with a question mark in "
                "place of its identifier, for example '?.c1x2y3z4abcd.us-east-2.rds.amazonaws.com'"
            )
        new = Cluster(pattern, self._port, self._pace, dialect)
        seen = new.observation(host_id, role, members, at)
        # Of several connections that meet a cluster at once, one settles it and the others find it by its members.
        new.store.publish(seen)
        return CLUSTERS.settle(self._cluster_name, [seen.address, *(row.address for row in seen.rows)], new)

    @property
    def _instance_pattern(self) -> InstancePattern | None:
        """How instance names become host names: as the user says, or as the endpoint's own domain does."""
        text = self._settings[CLUSTER_INSTANCE_HOST_PATTERN] or self._endpoint.instance_pattern
        return InstancePattern.parse(text) if text else None

    @property
    def _cluster_name(self) -> str:
        # An endpoint that names its cluster is believed more than a cluster_id, which two clusters may have in common.
        if (cluster_id := self._settings[CLUSTER_ID]) and self._endpoint.cluster_name is None:
            return f"cluster_id {cluster_id}"
        return address(self._endpoint.cluster_name or self._endpoint.host, self._port)

    @property
    def _pace(self) -> Pace:
        high = self._settings[CLUSTER_TOPOLOGY_HIGH_REFRESH_RATE_MS] / 1000
        searching = self._settings[FAILOVER_CLUSTER_TOPOLOGY_REFRESH_RATE_SEC] or high
        return Pace(self._settings[TOPOLOGY_REFRESH_MS] / 1000, searching)
