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
from aws_advanced_python_wrapper.cluster.topology import Observation, Row
from aws_advanced_python_wrapper.database.detection import detect, named
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters import (
    AUXILIARY_QUERY_TIMEOUT_SEC,
    CLUSTER_ID,
    CLUSTER_INSTANCE_HOST_PATTERN,
    CLUSTER_TOPOLOGY_HIGH_REFRESH_RATE_MS,
    FAILOVER_CLUSTER_TOPOLOGY_REFRESH_RATE_SEC,
    TOPOLOGY_REFRESH_MS,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.database.dialect import Ask, Dialect, Member
    from aws_advanced_python_wrapper.driver.adapter import RawConnection
    from aws_advanced_python_wrapper.properties import Settings

logger = logging.getLogger(__name__)


def known_cluster(session: Session) -> Cluster | None:
    """Return the cluster that the session's settings lead to, if this process has met it."""
    return CLUSTERS.find(_cluster_name(session), _endpoint_address(session))


async def identify(session: Session, raw: RawConnection, host: HostInfo) -> HostInfo:
    """Ask the server of a fresh connection who it is, tell its cluster, and return the host as a member of it.

    A known cluster costs one query, a new one three; a database without clusters costs none once it is known.
    """
    deadline = Deadline.after(session.settings[AUXILIARY_QUERY_TIMEOUT_SEC])
    ask: Ask = partial(session.adapter.query, session.io, raw, deadline=deadline)
    session.dialect = dialect = session.dialect or await _dialect_at(session, ask)
    if not dialect.knows_cluster:
        return host
    at = time.monotonic()
    host_id, role = await dialect.identify(ask)
    cluster = session.cluster
    members: tuple[Member, ...] = ()
    if cluster is None or not cluster.knows(host_id):
        members = await dialect.members(ask)
        cluster = session.cluster = _settle(session, dialect, host_id, members)
    observation = Observation(cluster.address_of(host_id), host_id, role, member_rows(cluster, members), at)
    found = cluster.store.publish(observation).find(observation.address)
    if found is None:
        raise AwsWrapperError(f"{observation.address} is not a member of its own cluster {cluster!r}")
    return found


def member_rows(cluster: Cluster, members: tuple[Member, ...]) -> tuple[Row, ...]:
    """Turn what a host's table says into rows with host names."""
    host, port = cluster.pattern.host, cluster.port
    return tuple(Row(m.host_id, host(m.host_id), port, m.is_writer, m.lag_ms, m.updated_at) for m in members)


async def _dialect_at(session: Session, ask: Ask) -> Dialect:
    address = _endpoint_address(session)
    code = CLUSTERS.dialect_code(address)
    if code is None:
        dialect = await detect(session.adapter.code, ask)
        CLUSTERS.note_dialect_code(address, dialect.code)
        logger.debug("%s speaks %s", address, dialect.code)
        return dialect
    return named(code)


def _settle(session: Session, dialect: Dialect, host_id: str, members: tuple[Member, ...]) -> Cluster:
    cluster = Cluster(instance_pattern(session), _port(session), _pace(session.settings), dialect)
    addresses = [cluster.address_of(member) for member in {host_id, *(member.host_id for member in members)}]
    return CLUSTERS.settle(_cluster_name(session), addresses, cluster)


def instance_pattern(session: Session) -> InstancePattern:
    """Return how instance names become host names: as the user says, or as the endpoint's own domain does.

    Raises:
        AwsWrapperError: the endpoint is an IP address or a custom domain and the user has not said it.
    """
    text = session.settings[CLUSTER_INSTANCE_HOST_PATTERN] or session.endpoint.instance_pattern
    if text is None:
        raise AwsWrapperError(
            f"host {session.endpoint.host!r} leads to a cluster, but does not tell how the cluster's instances are "
            "called. Set cluster_instance_host_pattern to the host name of an instance with a question mark in place "
            "of its identifier, for example '?.c1x2y3z4abcd.us-east-2.rds.amazonaws.com'"
        )
    return InstancePattern.parse(text)


def _cluster_name(session: Session) -> str:
    if cluster_id := session.settings[CLUSTER_ID]:
        return f"cluster_id {cluster_id}"
    return address(session.endpoint.cluster_name or session.endpoint.host, _port(session))


def _endpoint_address(session: Session) -> str:
    return address(session.endpoint.host, _port(session))


def _port(session: Session) -> int:
    return session.settings.port or session.adapter.default_port


def _pace(settings: Settings) -> Pace:
    searching = settings[CLUSTER_TOPOLOGY_HIGH_REFRESH_RATE_MS] / 1000
    if settings.gives(FAILOVER_CLUSTER_TOPOLOGY_REFRESH_RATE_SEC):
        searching = settings[FAILOVER_CLUSTER_TOPOLOGY_REFRESH_RATE_SEC]
    return Pace(settings[TOPOLOGY_REFRESH_MS] / 1000, searching)
