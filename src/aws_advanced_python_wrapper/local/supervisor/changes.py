"""What can be done to single instances: start, stop, freeze, add and remove them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError, NoAnswerError
from aws_advanced_python_wrapper.local.names.naming import check_label
from aws_advanced_python_wrapper.local.supervisor import replication
from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController, cancel_background

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.supervisor.member import Member


async def start_cluster(cluster: ClusterController) -> None:
    """Bring all instances up from one template."""
    members = [cluster.new_member() for _ in range(cluster.settings.instances)]
    cluster.report("creating the database")
    await cluster.engine.create_template()
    cluster.report("copying it for every instance")
    await asyncio.gather(*(cluster.engine.copy_template(member.node) for member in members))
    cluster.report(f"starting {len(members)} servers")
    for member in members:
        cluster.write_table(member)
        cluster.configure(member)
        member.node.start()
    timeout = cluster.settings.start_timeout
    await asyncio.gather(*(member.node.wait_ready(timeout) for member in members))
    for member in members:
        if not member.is_writer and not await replication.streams(cluster, member, timeout):
            raise LocalClusterError(f"{member.name} does not follow the writer:\n{member.node.log_tail()}")
    for member in members:
        await _enter(cluster, member)
    cluster.publish_at_once()
    cluster.record("writer", cluster.writer, "at the start")
    cluster.begin_watching()


async def _enter(cluster: ClusterController, member: Member) -> None:
    member.state = "running"
    cluster.records.set_instance(member.name, member.node.site.address)
    await member.proxy.start()
    if not member.is_writer:
        await replication.rely_on(cluster, member)


def pause(cluster: ClusterController, member: Member) -> None:
    """Freeze an instance: it hangs, and so does everything connected to it."""
    if member.state != "running":
        raise LocalClusterError(f"{member.name} cannot be paused, it is {member.state}")
    cluster.count_on(member, counted=False)
    member.state = "paused"
    member.blackhole()
    member.node.freeze()
    cluster.tables.gone(member.name)
    cluster.record("paused", member)


def resume(cluster: ClusterController, member: Member) -> None:
    """Let a paused instance go on where it stopped."""
    if member.state != "paused":
        raise LocalClusterError(f"{member.name} cannot be resumed, it is {member.state}, not paused")
    member.node.thaw()
    member.state = "running"
    member.open()
    cluster.tables.back(member.name)
    cluster.record("resumed", member)
    if not member.is_writer:
        replication.check_in_background(cluster, member)


async def kill(cluster: ClusterController, member: Member) -> None:
    """Kill a server. Nobody is promoted in its place: `start` brings it back, a failover replaces it."""
    await cancel_background(member)
    member.state = "down"
    await member.node.kill()
    cluster.lost(member)


async def start(cluster: ClusterController, member: Member) -> None:
    """Start a server that is down; a reader that cannot catch up any more is made anew."""
    if member.state != "down":
        raise LocalClusterError(f"{member.name} cannot be started, it is {member.state}")
    await _bring_up(cluster, member)
    cluster.record("started", member)


async def reboot(cluster: ClusterController, member: Member) -> None:
    """Restart a server tidily, as the console's reboot does; no failover happens."""
    if member.state not in ("running", "paused"):
        raise LocalClusterError(f"{member.name} cannot be rebooted, it is {member.state}")
    await cancel_background(member)
    cluster.count_on(member, counted=False)
    if member.state == "paused":
        member.node.thaw()
    member.state = "restarting"
    member.close()
    cluster.record("reboot", member)
    await member.node.stop()
    await asyncio.gather(_bring_up(cluster, member), asyncio.sleep(cluster.delays.restart_time))
    cluster.record("rebooted", member)


async def _bring_up(cluster: ClusterController, member: Member) -> None:
    if not member.node.directory.is_dir():
        await replication.rebuild(cluster, member)
        return
    member.node.clean()
    cluster.configure(member)
    cluster.write_table(member)
    member.node.start()
    await member.node.wait_ready(cluster.settings.start_timeout)
    if member.is_writer:
        await replication.begin_writing(cluster)
        member.state = "running"
        cluster.tables.back(member.name)
        member.open()
        replication.check_the_doubtful(cluster)
    elif not cluster.writer.node.alive:
        replication.joined(cluster, member)  # to be seen, but not to be promoted: who knows what it lacks
    elif await replication.streams(cluster, member):
        await replication.rely_on(cluster, member)
        replication.joined(cluster, member)
    else:
        await replication.rebuild(cluster, member)


async def add_reader(cluster: ClusterController, name: str | None) -> Member:
    """Add an instance to the cluster; returns when it accepts connections."""
    if name is not None:
        check_label(name, "instance name")
    _check_that_it_can_grow(cluster)
    if cluster.writer.state != "running":
        raise LocalClusterError(f"no reader can be added while the writer is {cluster.writer.state}")
    member = cluster.new_member(name)
    try:
        await member.proxy.start()
        await replication.rebuild(cluster, member)
    except BaseException:
        await _discard(cluster, member)
        raise
    cluster.records.set_instance(member.name, member.node.site.address)
    cluster.record("added", member)
    return member


async def remove_reader(cluster: ClusterController, member: Member) -> None:
    """Take an instance out of the cluster and delete it."""
    _check_that_it_can_grow(cluster)
    if member.is_writer:
        raise LocalClusterError(f"{member.name} is the writer: fail over first, then remove it")
    await cancel_background(member)
    cluster.count_on(member, counted=False)
    cluster.record("removed", member)
    await _discard(cluster, member)
    cluster.publish()


def _check_that_it_can_grow(cluster: ClusterController) -> None:
    settings = cluster.settings
    if not settings.can_grow:
        raise LocalClusterError(f"deployment {settings.deployment!r} has {settings.instances} instances, always")


async def _discard(cluster: ClusterController, member: Member) -> None:
    member.state = "down"
    cluster.members.remove(member)
    cluster.records.remove_instance(member.name)
    cluster.tables.forget(member.name)
    member.close()
    await member.proxy.stop()
    await member.node.kill()
    member.node.remove()


async def restore(cluster: ClusterController) -> None:
    """Put everything back in order: as many instances as at the start, all running, no faults, no lies."""
    cluster.delays = cluster.settings.delays
    for member in cluster.members:
        if member.state == "paused":
            resume(cluster, member)
    if cluster.writer.state == "down":
        await start(cluster, cluster.writer)
    await replication.settled(cluster, cluster.members)
    for member in cluster.members:
        if member.state == "down":
            await start(cluster, member)
    for member in [m for m in cluster.members if not m.is_writer][max(cluster.settings.instances - 1, 0) :]:
        await remove_reader(cluster, member)
    while len(cluster.members) < cluster.settings.instances:
        await add_reader(cluster, None)
    await _see_it_write(cluster)
    for member in cluster.members:
        member.proxy.restore()
        member.proxy.require_tls(cluster.settings.tls == "require")
        member.proxy.reset_counters()
    cluster.custom.clear()
    cluster.records.forget_aliases()
    cluster.records.unpin_all()
    cluster.tables.forget_lags()
    cluster.publish_at_once()


async def _see_it_write(cluster: ClusterController) -> None:
    """Restart a writer that confirms nothing: no client would get anything done."""
    try:
        await cluster.writer.node.write()
    except NoAnswerError as error:
        cluster.record("confirms nothing", cluster.writer, str(error))
        await kill(cluster, cluster.writer)
        await start(cluster, cluster.writer)
        await replication.settled(cluster, cluster.members)
