"""Finds out which database, cluster and instance a fresh connection leads to."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.directory import CLUSTERS, Cluster
from aws_advanced_python_wrapper.cluster.endpoint import EndpointType, InstancePattern, analyse
from aws_advanced_python_wrapper.cluster.host import HostInfo, address
from aws_advanced_python_wrapper.cluster.monitor import Pace
from aws_advanced_python_wrapper.database.detection import any_server, detect, named
from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.errors import AwsWrapperError, first_line
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
    from aws_advanced_python_wrapper.database.dialect import Ask, Dialect, Identity, Member
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection
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
        code = settings[WRAPPER_DIALECT] or CLUSTERS.dialect_code(self._dialect_key)
        self._dialect: Dialect | None = named(code, adapter.engine) if code else None
        self._dialect_is_sure = not settings[WRAPPER_DIALECT]

    @property
    def dialect(self) -> Dialect | None:
        """What the server speaks; None until a connection has told it."""
        return self._dialect

    async def identify(self, io: DriverIo, raw: RawConnection, host: HostInfo, limit: Deadline) -> HostInfo:
        """Ask the server of a fresh connection who it is, tell its cluster, and return the host as a member of it.

        A known cluster costs one query, a new one three; a database without clusters costs none once it is known.
        """
        deadline = limit.bounded(self._settings[AUXILIARY_QUERY_TIMEOUT_SEC])
        ask: Ask = partial(self._adapter.query, io, raw, deadline=deadline)
        dialect = self._dialect = self._dialect or await self._detect(ask)
        if not dialect.knows_cluster:
            self.cluster = None  # whatever other users, who are granted more, have been told at this address
            return host
        at = time.monotonic()
        me = await self._identity(dialect, ask)
        if me.host_id is None:
            return replace(host, role=me.role)
        cluster = self.cluster if self.cluster and self.cluster.knows(me.host_id) else None
        pattern = await self._pattern(io, me, cluster)
        members: tuple[Member, ...] = ()
        if cluster is None or not self._fits(cluster, pattern):
            members = await dialect.members(ask)
            new = Cluster(pattern, self._port, self._pace, dialect)
            await self._check_pattern(io, new, me.host_id)
            cluster = self.cluster = self._settle(new, me, members, at)
        observation = cluster.observation(me.host_id, me.role, members, at)
        found = cluster.store.publish(observation).find(observation.address)
        # A host that has just joined, or is about to leave, may be missing in its own table: it is no worse for it.
        return found or HostInfo(cluster.pattern.host(me.host_id), cluster.port, me.role, host_id=me.host_id)

    async def _identity(self, dialect: Dialect, ask: Ask) -> Identity:
        try:
            me = await dialect.identify(ask)
        except self._adapter.failures as error:
            if self._dialect_is_sure or self._adapter.classify(error) is not ErrorKind.OTHER:
                raise
            raise AwsWrapperError(
                f"Parameter wrapper_dialect: the server at {self._address} does not answer as '{dialect.code}' does "
                f"({first_line(error)}). Leave it out: the server is asked what it is, then."
            ) from error
        self._dialect_is_sure = True
        return me

    async def _detect(self, ask: Ask) -> Dialect:
        dialect = await self._asked(ask)
        CLUSTERS.note_dialect_code(self._dialect_key, dialect.code)
        logger.debug("%s speaks %s", self._address, dialect.code)
        if self._endpoint.is_cluster and not dialect.knows_cluster:
            logger.warning(
                "%s is the endpoint of a cluster, but its server names no members of one to user %r: there is no "
                "failover. %s",
                self._address,
                self._settings.user,
                dialect.no_cluster_hint,
            )
        return dialect

    async def _asked(self, ask: Ask) -> Dialect:
        """Ask the server what it is. One that cannot tell (PgBouncer's console, say) is what its protocol says."""
        try:
            return await detect(self._adapter.engine, ask)
        except self._adapter.failures as error:
            if self._adapter.classify(error) is not ErrorKind.OTHER:
                raise
            logger.debug("%s does not tell what it is: %s", self._address, error)
            return any_server(self._adapter.engine)

    @property
    def _dialect_key(self) -> str:
        # What a server is, users find out by what they may ask it.
        return f"{self._settings.user or ''}@{self._address}"

    def _fits(self, cluster: Cluster, pattern: InstancePattern) -> bool:
        """Tell whether the hosts of a cluster are called as this connection needs it."""
        return (cluster.pattern.template, cluster.port) == (pattern.template, pattern.port or self._port)

    def _settle(self, new: Cluster, me: Identity, members: tuple[Member, ...], at: float) -> Cluster:
        seen = new.observation(str(me.host_id), me.role, members, at)
        # Of several connections that meet a cluster at once, one settles it and the others find it by its members.
        new.store.publish(seen)
        return CLUSTERS.settle(self._cluster_name, [seen.address, *(row.address for row in seen.rows)], new)

    async def _pattern(self, io: DriverIo, me: Identity, known: Cluster | None) -> InstancePattern:
        """How instance names become host names: as the user says, or the endpoint's domain, or the instance, or DNS."""
        text = self._settings[CLUSTER_INSTANCE_HOST_PATTERN] or self._endpoint.instance_pattern
        if text:
            return InstancePattern.parse(text)
        if me.endpoint:
            return InstancePattern(f"?.{me.endpoint.partition('.')[2]}", None if me.port == self._port else me.port)
        # Two clusters may have a cluster_id in common by mistake, and the names of their instances too.
        if known and not self._settings[CLUSTER_ID]:
            return InstancePattern(known.pattern.template, known.port)
        return await self._pattern_by_dns(io)

    async def _pattern_by_dns(self, io: DriverIo) -> InstancePattern:
        """Where the host is a custom domain: as the domain of the RDS endpoint behind it.

        An alias tells no more of it: DNS leads on from the endpoint of a cluster to that of an instance.
        """
        host = self._endpoint.host
        with contextlib.suppress(LookupError):
            if self._endpoint.type is EndpointType.OTHER and not host.startswith("/"):
                text = analyse(await self._adapter.canonical_name(io, host)).instance_pattern
                if text:
                    return InstancePattern.parse(text)
        raise AwsWrapperError(
            f"host {host!r} leads to a cluster, but does not tell how the cluster's instances are "
            "called. Set cluster_instance_host_pattern to the host name of an instance with a question mark in "
            "place of its identifier, for example '?.c1x2y3z4abcd.us-east-2.rds.amazonaws.com'"
        )

    async def _check_pattern(self, io: DriverIo, new: Cluster, host_id: str) -> None:
        """Refuse a pattern of the user's that makes names which do not exist: a failover would find nobody."""
        text = self._settings[CLUSTER_INSTANCE_HOST_PATTERN]
        if not text:
            return
        try:
            await self._adapter.canonical_name(io, new.pattern.host(host_id))
        except LookupError as error:
            raise AwsWrapperError(
                f"cluster_instance_host_pattern: with '{text}' instance {host_id!r} of the cluster behind host "
                f"{self._endpoint.host!r} is called {new.pattern.host(host_id)!r}, and {error}. Give the host name of "
                "an instance with a question mark in place of its identifier"
            ) from None

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
