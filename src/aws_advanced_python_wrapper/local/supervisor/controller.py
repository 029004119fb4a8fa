"""The cluster as a whole: who is in it, who writes, and who is told about it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.aws.keys import AccessKey, KeyRing
from aws_advanced_python_wrapper.local.aws.tokens import Access, refusal
from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.names.dns import Records
from aws_advanced_python_wrapper.local.node import Part, Site
from aws_advanced_python_wrapper.local.proxy.certificates import Authority
from aws_advanced_python_wrapper.local.settings import MOST_INSTANCES
from aws_advanced_python_wrapper.local.supervisor import addresses
from aws_advanced_python_wrapper.local.supervisor.member import Member
from aws_advanced_python_wrapper.local.supervisor.topology import TopologyTables
from aws_advanced_python_wrapper.local.values import Event, Status

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local.aws.controls import AwsControls
    from aws_advanced_python_wrapper.local.engine import Engine
    from aws_advanced_python_wrapper.local.idp.sites import Sites
    from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile

_WATCH_INTERVAL = 0.05


class ClusterController:
    """The state of one cluster. Operations on it are functions in the modules that import this one.

    Everything runs on one event loop; `changing` keeps the operations that change roles or members apart.
    """

    def __init__(self, engine: Engine, hosts: HostsFile, report: Callable[[str], None]) -> None:
        self.engine = engine
        self.settings = settings = engine.settings
        self.delays = settings.delays
        self.names = settings.names()
        self.network = addresses.choose(settings.port)
        self.members: list[Member] = []
        self.custom: dict[str, tuple[str, ...]] = {}
        self.synchronous: set[str] = set()
        self.events: list[Event] = []
        self.changing = asyncio.Lock()
        self.report = report
        self.keys = KeyRing(AccessKey(settings.access_key_id, settings.secret_access_key))
        self.authority = Authority.create(engine.directory)
        self.aws: AwsControls | None = None
        self.idp: Sites | None = None
        self.tables = TopologyTables(self._topology_delay)
        self.records = Records(hosts, self.names)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def writer(self) -> Member:
        """The instance that writes, or would if it were running."""
        return next(member for member in self.members if member.is_writer)

    @property
    def standbys(self) -> list[Member]:
        """The readers in order that are ready to be promoted."""
        return [member for member in self.readers if member.fit]

    @property
    def readers(self) -> list[Member]:
        """The readers in order that run."""
        return [member for member in self.members if not member.is_writer and member.state == "running"]

    def member(self, name: str) -> Member:
        """Return the instance of this name."""
        for member in self.members:
            if name in (member.name, member.host):
                return member
        raise LocalClusterError(f"no instance {name!r}: there are {', '.join(m.name for m in self.members)}")

    def new_member(self, name: str | None = None) -> Member:
        """Make the next instance, without data and not yet running."""
        taken = {member.number for member in self.members}
        free = [number for number in range(1, MOST_INSTANCES + 1) if number not in taken]
        if not free:
            raise LocalClusterError(f"a cluster has at most {MOST_INSTANCES} instances: remove one first")
        number = free[0]
        name = name or self.names.instance_name(number)
        if any(member.name == name for member in self.members):
            raise LocalClusterError(f"there is an instance {name!r} already")
        host = self.names.instance(name)
        site = Site(number, name, host, self.network.address(number), self.network.private_port)
        accepts = partial(self._accepts, name) if self.settings.iam else None
        proxy = self.engine.proxy(site, self.network.port, self._tls(site), accepts)
        proxy.require_tls(self.settings.tls == "require")
        member = Member(self.engine.node(site), proxy, "reader" if self.members else "writer")
        self.members.append(member)
        self.members.sort(key=lambda m: m.number)
        return member

    def part(self, member: Member) -> Part:
        """Return what the server of an instance has to do."""
        return Part(None if member.is_writer else self.writer.node.site, tuple(sorted(self.synchronous)))

    def configure(self, member: Member) -> None:
        """Let the server of an instance know what it has to do."""
        member.node.take(self.part(member))

    def count_on(self, member: Member, *, counted: bool) -> None:
        """Say whether the writer may take this standby's word that a commit is safe."""
        member.fit = member.fit and counted
        before = set(self.synchronous)
        (self.synchronous.add if counted else self.synchronous.discard)(member.name)
        if self.synchronous != before:
            self.configure(self.writer)
            if counted:
                self.configure(member)

    def publish(self) -> None:
        """Spread who writes and who reads: to the tables and to DNS, each with its delay."""
        self.publish_dns(self.delays.dns_delay)
        if self.settings.knows_itself:
            self.tables.publish([m.row() for m in self.members], [m.node for m in self.members])

    def publish_at_once(self) -> None:
        """Spread it without delay, as at the start."""
        self.publish_dns(0)
        for member in self.members:
            self.write_table(member)

    def write_table(self, member: Member) -> None:
        """Give one instance an up-to-date table now."""
        if self.settings.knows_itself:
            self.tables.write(member.node, tuple(m.row() for m in self.members))

    def publish_dns(self, delay: float) -> None:
        """Point the endpoints at the instances that run now."""
        running = {m.name: m.node.site.address for m in self.members if m.state in ("running", "paused")}
        readers = [m.node.site.address for m in self.members if not m.is_writer and m.name in running]
        custom = {name: [running[m] for m in members if m in running] for name, members in self.custom.items()}
        self.records.publish(self.writer.node.site.address, readers, custom, delay)

    def lost(self, member: Member) -> None:
        """Take note that a server does not run any more."""
        member.state = "down"
        member.close()
        self.tables.gone(member.name)
        self.count_on(member, counted=False)
        self.publish_dns(self.delays.dns_delay)
        self.record("down", member)

    def notice_the_dead(self) -> None:
        """Take note of servers that have ended by themselves, or were killed behind our back."""
        for member in self.members:
            if member.state == "running" and not member.node.alive:
                self.lost(member)

    def record(self, what: str, member: Member, detail: str = "") -> Event:
        """Add to the history."""
        event = Event(time.monotonic(), time.time(), what, member.name, detail)
        self.events.append(event)
        return event

    def status(self) -> Status:
        """Return a picture of this moment."""
        return Status(
            name=self.settings.name,
            directory=str(self.engine.directory),
            server_version=self.engine.version,
            writer_endpoint=self.names.writer,
            reader_endpoint=self.names.reader,
            custom_endpoints={name: list(members) for name, members in self.custom.items()},
            instances=tuple(member.condition() for member in self.members),
        )

    def begin_watching(self) -> None:
        """Start what goes on as long as the cluster lives: DNS round robin, and noticing servers that die."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self.records.rotate()), loop.create_task(self._watch())]

    async def stop(self) -> None:
        """End everything; the data is about to be deleted, so nobody shuts down tidily."""
        for task in self._tasks:
            task.cancel()
        if self.aws is not None:
            await asyncio.to_thread(self.aws.stop)
        if self.idp is not None:
            await asyncio.to_thread(self.idp.stop)
        for member in self.members:
            await cancel_background(member)
            member.state = "down"
            await member.proxy.stop()
        await asyncio.gather(*(member.node.kill() for member in self.members))
        self.records.remove_all()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_INTERVAL)
            self.notice_the_dead()

    def _topology_delay(self, instance: str) -> float:
        return self.delays.topology(instance)

    def _accepts(self, instance: str, user: str, token: str | None) -> bool:
        """Tell whether the user of a database may sign in at an instance with a token."""
        names = self.names
        custom = (names.custom(name) for name in self.custom)
        hosts = {names.instance(instance), names.writer, names.reader, *custom}
        access = Access(hosts, self.network.port, user, self.settings.region)
        reason = "it cannot be sent without TLS" if token is None else refusal(token, access, self.keys, time.time())
        if reason is not None:
            self.record("token refused", self.member(instance), reason)
        return reason is None

    def _tls(self, site: Site) -> ssl.SSLContext | None:
        if self.settings.tls == "off":
            return None
        names = [site.host, self.names.writer, self.names.reader, self.names.any_custom, site.address]
        return self.authority.server_context(names)


async def cancel_background(member: Member) -> None:
    """Stop what is being done to a member in the background, and wait until it has stopped."""
    task, member.background = member.background, None
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
