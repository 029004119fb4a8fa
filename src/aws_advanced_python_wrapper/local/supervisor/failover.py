"""Failover: the writer ends, a reader is promoted, the rest follow; in Aurora every instance drops its connections."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.supervisor import replication
from aws_advanced_python_wrapper.local.values import ChangeKind, Event, Failover, FailoverKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController
    from aws_advanced_python_wrapper.local.supervisor.member import Member


async def fail_over(cluster: ClusterController, kind: FailoverKind, to: str | None) -> Failover:
    """Fail over; returns when the new writer accepts writes. The old one comes back in the background."""
    cluster.notice_the_dead()
    await candidates_are_back(cluster, to)
    target = wanted(cluster, to)
    await replication.halt(cluster)
    old = cluster.writer
    standbys = cluster.standbys
    began = cluster.record("failover", old, kind)
    cluster.tables.gone(old.name)
    if not standbys:
        await _restart_in_place(cluster, kind)
        _follow_up(cluster)
        return finished(cluster, old, kind, began)
    standbys = await _take_down(cluster, old, standbys, kind)
    new = await replication.most_advanced(standbys)
    if target in standbys:  # else it has stopped answering, and there is no way back
        await replication.catch_up(target, new)
        new = target
    await promote(cluster, new)
    new.open()
    result = finished(cluster, old, kind, began)
    old.close()  # one that hangs gives no sign until now
    old.state = "rebuilding"
    cluster.publish()
    _follow_up(cluster)
    return result


async def candidates_are_back(cluster: ClusterController, to: str | None) -> None:
    """Wait for those that are on their way back from the failover before, if it takes them to fail over."""
    awaited = [cluster.member(to)] if to else [m for m in cluster.members if not m.is_writer]
    if cluster.writer.state == "running" and not any(m in cluster.standbys for m in awaited):
        await replication.settled(cluster, awaited)


def wanted(cluster: ClusterController, to: str | None) -> Member | None:
    """Return the reader that was named; raises `LocalClusterError` if it cannot be promoted."""
    if to is None:
        return None
    target = cluster.member(to)
    if target.is_writer:
        raise LocalClusterError(f"{target.name} is the writer already: name a reader")
    if target.state != "running":
        raise LocalClusterError(f"{target.name} cannot be promoted, it is {target.state}: wait, or resume or start it")
    if not target.fit:
        raise LocalClusterError(f"{target.name} cannot be promoted, it may lack what the writer has: start the writer")
    return target


async def _take_down(
    cluster: ClusterController, old: Member, standbys: Sequence[Member], kind: FailoverKind
) -> list[Member]:
    """End the old writer the way `kind` says; return the standbys that are known to have all that they will get."""
    old.state = "down"
    if kind == "hang":
        old.blackhole()
        old.node.freeze()
        await asyncio.sleep(cluster.delays.hang_detection)
        _restart(cluster, [m for m in cluster.members if m is not old])
    else:
        if kind == "crash":
            old.node.kill_at_once()
        old.close()
        _restart(cluster, cluster.members)
    if kind == "graceful":
        await old.node.stop()
    else:
        await old.node.kill()
    return await replication.drained(standbys)


def _restart(cluster: ClusterController, members: Sequence[Member]) -> None:
    """Where all instances restart in a failover, clients are cut off and find the door closed for a moment."""
    if cluster.settings.deployment == "multi-az":  # the standbys serve their readers throughout
        return
    for member in members:
        if member.state == "paused":  # it hangs, and goes on hanging
            continue
        member.close()
        if member.state == "running":
            member.open_after(cluster.delays.restart_time)


async def promote(cluster: ClusterController, new: Member) -> None:
    """Make `new` the writer; on return it has accepted a write that a standby, if there is one, has too."""
    old = cluster.writer
    old.role, new.role = "reader", "writer"
    cluster.synchronous = {member.name for member in cluster.standbys}
    cluster.configure(new)
    for member in cluster.members:
        if member is not new and member.state in ("running", "paused"):
            cluster.configure(member)
    await replication.begin_writing(cluster)


def _follow_up(cluster: ClusterController) -> None:
    """Bring everybody else behind the new writer, in the background."""
    for member in cluster.readers:
        replication.check_in_background(cluster, member)
    for member in [m for m in cluster.members if m.state == "rebuilding"]:
        replication.rebuild_in_background(cluster, member)


async def _restart_in_place(cluster: ClusterController, kind: FailoverKind) -> None:
    """Nobody can take over: the writer itself comes back."""
    writer = cluster.writer
    await _take_down(cluster, writer, (), kind)
    await writer.node.kill()
    writer.close()
    cluster.configure(writer)
    writer.node.start()
    await asyncio.gather(
        writer.node.wait_ready(cluster.settings.start_timeout), asyncio.sleep(cluster.delays.restart_time)
    )
    await replication.begin_writing(cluster)
    writer.state = "running"
    cluster.tables.back(writer.name)
    writer.open()


def finished(cluster: ClusterController, old: Member, kind: ChangeKind, began: Event) -> Failover:
    """Return, and record, that the writer of this moment has taken over from the old one."""
    accepts = cluster.record("writer", cluster.writer, f"after {time.monotonic() - began.at:.3f} s")
    return Failover(
        old_writer=old.name,
        new_writer=cluster.writer.name,
        kind=kind,
        began=began.at,
        writer_accepts=accepts.at,
        began_wall=began.wall,
        writer_accepts_wall=accepts.wall,
    )
