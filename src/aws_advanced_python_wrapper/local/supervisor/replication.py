"""Who follows whom, and how far each has come."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from aws_advanced_python_wrapper.local.errors import LocalClusterError, NoAnswerError
from aws_advanced_python_wrapper.local.node import Part
from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController, cancel_background
from aws_advanced_python_wrapper.local.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from aws_advanced_python_wrapper.local.supervisor.member import Member

_T = TypeVar("_T")
_TICK = 0.005
_SHORT_TICK = 0.002
_STREAM_TIMEOUT = 3.0
_PROMOTION_TIMEOUT = 30.0


async def most_advanced(standbys: Sequence[Member]) -> Member:
    """Return the standby that has the most; the first in order when several have."""
    positions = await _answers(standbys, [member.node.position() for member in standbys])
    return max(positions, key=positions.__getitem__)


async def drained(standbys: Sequence[Member], timeout: float = 5.0) -> list[Member]:
    """Wait until no standby receives any more: what the dead writer had sent is then on disk.

    Return those of which this is known; the others are not fit to be promoted any more.
    """
    known = list(await _answers(standbys, [member.node.drain(timeout) for member in standbys]))
    for member in standbys:
        member.fit = member in known
    return known


async def _answers(standbys: Sequence[Member], questions: Sequence[Awaitable[_T]]) -> dict[Member, _T]:
    """Return what the standbys answer, without those that do not; raises `NoAnswerError` if none does."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in failures:
        if not isinstance(failure, NoAnswerError) or len(failures) == len(answers):
            raise failure
    return {
        member: answer
        for member, answer in zip(standbys, answers, strict=True)
        if not isinstance(answer, BaseException)
    }


async def catch_up(member: Member, ahead: Member, timeout: float = 10.0) -> None:
    """Let a standby fetch from another one what it lacks."""
    goal = await ahead.node.position()
    if await member.node.position() >= goal:
        return
    member.node.take(Part(ahead.node.site))

    async def has_caught_up() -> bool:
        return await member.node.position() >= goal

    if not await until(has_caught_up, timeout):
        raise LocalClusterError(f"{member.name} could not catch up with {ahead.name} within {timeout:g} s")


async def streams(cluster: ClusterController, member: Member, timeout: float = _STREAM_TIMEOUT) -> bool:
    """Wait until the writer streams to this standby; tell whether it does."""

    async def is_streaming() -> bool:
        with suppress(NoAnswerError):
            return await member.node.follows(cluster.writer.node)
        return False

    return await until(is_streaming, timeout, 2 * _TICK)


async def begin_writing(cluster: ClusterController) -> None:
    """Wait until the writer has committed something that a standby, if any is counted on, has too.

    Nobody may write before: MySQL lets no standby log in while a change of its users waits for one to confirm it.
    """
    writer = cluster.writer

    async def writes() -> bool:
        return (await writer.node.standing()).writes

    async def is_followed() -> bool:
        return not cluster.synchronous or (await writer.node.standing()).followers > 0

    if not await until(writes, _PROMOTION_TIMEOUT, _SHORT_TICK):
        raise LocalClusterError(
            f"{writer.name} did not become the writer in {_PROMOTION_TIMEOUT:g} s:\n{writer.node.log_tail()}"
        )
    if not await until(is_followed, _STREAM_TIMEOUT, _SHORT_TICK):
        for member in [m for m in cluster.members if m.name in cluster.synchronous]:  # nobody can follow
            cluster.count_on(member, counted=False)
    await writer.node.write()


async def rebuild(cluster: ClusterController, member: Member) -> None:
    """Have a member begin anew as a standby with the writer's data."""
    member.state = "rebuilding"
    member.close()
    cluster.tables.gone(member.name)
    cluster.count_on(member, counted=False)
    await member.node.kill()
    await asyncio.sleep(cluster.delays.rejoin_delay)
    await member.node.rebuild(cluster.writer.node, cluster.part(member), cluster.settings.start_timeout)
    cluster.write_table(member)
    if not await streams(cluster, member, cluster.settings.start_timeout):
        raise LocalClusterError(f"{member.name} does not follow the writer:\n{member.node.log_tail()}")
    await rely_on(cluster, member)
    joined(cluster, member)


async def rely_on(cluster: ClusterController, member: Member) -> None:
    """Count on a standby that is in step, and hold it fit to be promoted.

    The first one is fit once nothing is confirmed without it. Any other is fit before its word counts: what it alone
    has must not be left behind.
    """
    if cluster.synchronous:
        member.fit = True
        cluster.count_on(member, counted=True)
        return
    cluster.count_on(member, counted=True)
    timeout = cluster.settings.start_timeout
    await asyncio.gather(cluster.writer.node.settle(timeout), member.node.settle(timeout))
    member.fit = True


def joined(cluster: ClusterController, member: Member) -> None:
    """Let the clients of a standby in."""
    member.state = "running"
    member.session = str(uuid.uuid4())
    cluster.tables.back(member.name)
    cluster.publish()
    member.open()
    cluster.record("joined", member)


def rebuild_in_background(cluster: ClusterController, member: Member) -> None:
    """Start `rebuild`; a failure leaves the member down, with the reason in the history."""
    member.state = "rebuilding"
    member.background = asyncio.get_running_loop().create_task(_rebuild(cluster, member))


def return_in_background(cluster: ClusterController, member: Member) -> None:
    """Start a server that was stopped in order, as a standby; should it not be able to follow, rebuild it."""
    member.state = "rebuilding"
    member.background = asyncio.get_running_loop().create_task(_return(cluster, member))


async def _return(cluster: ClusterController, member: Member) -> None:
    await asyncio.sleep(cluster.delays.rejoin_delay)
    member.node.clean()
    cluster.configure(member)
    cluster.write_table(member)
    with suppress(LocalClusterError, OSError):
        member.node.start()
        await member.node.wait_ready(cluster.settings.start_timeout)
        if await streams(cluster, member):
            await rely_on(cluster, member)
            joined(cluster, member)
            return
    await _rebuild(cluster, member)


def check_in_background(cluster: ClusterController, member: Member) -> None:
    """See whether a running standby follows the writer, and rebuild it if it does not."""
    member.background = asyncio.get_running_loop().create_task(_check(cluster, member))


def check_the_doubtful(cluster: ClusterController) -> None:
    """See to the running standbys that are not fit to be promoted, and that nobody sees to."""
    for member in cluster.readers:
        if not member.fit and (member.background is None or member.background.done()):
            check_in_background(cluster, member)


async def _check(cluster: ClusterController, member: Member) -> None:
    if await streams(cluster, member):
        await rely_on(cluster, member)
    elif member.state == "running":
        cluster.record("cannot follow", member)
        await _rebuild(cluster, member)


async def _rebuild(cluster: ClusterController, member: Member) -> None:
    def writer_runs() -> bool:
        return cluster.writer.state == "running"

    while error := await _try_to_rebuild(cluster, member):
        if writer_runs():
            member.state = "down"
            member.close()
            cluster.record("could not be rebuilt", member, error)
            return
        # There was nobody to copy from. A failover begins anew; otherwise the writer may be started again.
        await until(writer_runs)


async def _try_to_rebuild(cluster: ClusterController, member: Member) -> str:
    """Return what went wrong, or nothing."""
    try:
        await rebuild(cluster, member)
    except (LocalClusterError, OSError) as error:
        return str(error) or repr(error)
    return ""


async def settled(cluster: ClusterController, members: Iterable[Member]) -> None:
    """Wait until nothing goes on in the background of these members."""
    members = list(members)
    while tasks := [m.background for m in members if m.background and not m.background.done()]:
        if cluster.writer.state in ("down", "paused"):
            raise LocalClusterError(
                f"{cluster.writer.name}, the writer, is {cluster.writer.state}: nobody can follow it, fail over first"
            )
        await asyncio.wait(tasks, timeout=0.1)


async def halt(cluster: ClusterController) -> None:
    """Stop everything that goes on in the background."""
    for member in cluster.members:
        await cancel_background(member)
        if member.state != "running":
            cluster.count_on(member, counted=False)
