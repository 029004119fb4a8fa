"""A planned switchover: the writer hands over in order, and goes on as a reader."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.supervisor import failover, replication

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController
    from aws_advanced_python_wrapper.local.supervisor.member import Member
    from aws_advanced_python_wrapper.local.values import Failover


async def switch_over(cluster: ClusterController, to: str | None) -> Failover:
    """Hand over to a reader; returns when that accepts writes. The old writer restarts in the background.

    Its clients are cut off; those of the readers notice nothing.
    """
    cluster.notice_the_dead()
    await failover.candidates_are_back(cluster, to)
    target = failover.wanted(cluster, to)
    old, standbys = cluster.writer, cluster.standbys
    if old.state != "running":
        raise LocalClusterError(f"{old.name}, the writer, is {old.state}: fail over instead")
    if not standbys:
        raise LocalClusterError("a switchover needs a reader that runs: add one, or wait until one is back")
    await replication.halt(cluster)
    began = cluster.record("switchover", old, "switchover")
    await _hand_over(cluster, old, target or await replication.most_advanced(standbys))
    result = failover.finished(cluster, old, "switchover", began)
    cluster.publish()
    for member in cluster.readers:
        replication.check_in_background(cluster, member)
    replication.return_in_background(cluster, old)
    return result


async def _hand_over(cluster: ClusterController, old: Member, new: Member) -> None:
    """Stop the old writer, whose last act is to send the standbys all that they lack, and promote the new one."""
    old.state = "rebuilding"
    old.close()
    cluster.tables.gone(old.name)
    await asyncio.gather(old.node.stop(), new.node.answer())
    await replication.drained(cluster.standbys)
    await replication.catch_up(new, await replication.most_advanced(cluster.standbys))
    await failover.promote(cluster, new)
    new.open()
