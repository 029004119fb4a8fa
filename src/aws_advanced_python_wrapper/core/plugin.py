"""The contract between a plugin and the session it serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.core.opened import Opened

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.directory import Cluster
    from aws_advanced_python_wrapper.cluster.endpoint import Endpoint
    from aws_advanced_python_wrapper.core.aside import Aside
    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import ErrorKind, RawConnection
    from aws_advanced_python_wrapper.properties import Settings


class Phase(IntEnum):
    """Where a plugin stands in the chain, from the program's side to the driver's.

    `auto_sort_wrapper_plugin_order` sorts by it. A plugin without a phase stays behind its neighbour in the list.
    """

    ENDPOINT = 50
    TRACKING = 100
    STALE_DNS = 200
    ROUTING = 300
    FAILOVER = 400
    MONITORING = 500
    SELECTION = 600
    SIGN_IN = 700


class SessionView(Protocol):
    """What a plugin may use of its session."""

    @property
    def settings(self) -> Settings:
        """The values of all connection parameters."""
        ...

    @property
    def plugin_codes(self) -> frozenset[str]:
        """The codes of all plugins of the session."""
        ...

    @property
    def io(self) -> Io:
        """The one way to wait."""
        ...

    @property
    def adapter(self) -> DriverAdapter:
        """The driver in use: what its errors mean, how to make one."""
        ...

    @property
    def sign_in(self) -> SignIn | None:
        """Where the credentials of connections come from; None: from the settings."""
        ...

    @property
    def endpoint(self) -> Endpoint:
        """What the host name that the user gave tells."""
        ...

    @property
    def cluster(self) -> Cluster | None:
        """The cluster, where a plugin needs the topology and the database knows one."""
        ...

    @property
    def host(self) -> HostInfo:
        """The host of the current connection."""
        ...

    @property
    def raw(self) -> RawConnection:
        """The driver's own connection of the moment. On a switch `host` is replaced first, then this."""
        ...

    @property
    def current(self) -> Opened:
        """The connection of the moment, as it was opened."""
        ...

    @property
    def running(self) -> list[float]:
        """Monotonic times, in seconds, at which the calls began that have not returned yet."""
        ...

    heading_for: tuple[str, float] | None
    """The address of the host that was chosen for it, and the monotonic time of that; None once it leads there."""
    wanted_role: HostRole | None
    """The role of the host that the program wants now, where a plugin knows better than the endpoint; else None."""

    def join_cluster(self) -> None:
        """Have the cluster's topology kept up to date, with this session's credentials, while the session lives."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the program has closed the connection, perhaps from another thread just now."""
        ...

    async def open(self, host: HostInfo, *, below: Plugin | None = None, deadline: Deadline | None = None) -> Opened:
        """Open a connection through the plugins, or only through those between `below` and the driver."""
        ...

    async def switch(self, opened: Opened, reason: str) -> None:
        """Go on with another connection; the old one and its cursors end. A session that is closed stays closed.

        The new connection gets the session's state first. What that raises is raised here: the new connection has ended
        then, and the session goes on with the old one.
        """
        ...

    async def exchange(self, opened: Opened, reason: str, *, read_only: bool | None = None) -> Opened:
        """Go on with another connection, and return the old one, which stays open and is the caller's from now on.

        Its cursors end. Only for a connection that no call is using. An open transaction is rolled back, or refused by
        the driver's ProgrammingError (`rollback_on_switch`). As to the session's state see `switch`; `read_only` is
        what the program is about to set, unless None.
        """
        ...

    def put_aside(self, opened: Opened) -> None:
        """Keep a connection that the session has left open for later; it ends with a failover and with the session."""
        ...

    def take_aside(self) -> Aside | None:
        """Take back the connection that was put aside, usable or not: it is the caller's from now on."""
        ...

    def classify(self, error: BaseException) -> ErrorKind:
        """Tell what an error means that was raised while a connection was being opened."""
        ...

    async def give_up(self) -> None:
        """Close the session with its connection: no host is left for it."""
        ...

    async def leave(self, opened: Opened) -> None:
        """Close a connection that works and that nobody needs any more, or give it back to its pool."""
        ...

    async def discard(self, opened: Opened) -> None:
        """End a connection that nobody uses any more, without waiting for its host."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A call of the program's that ended with a driver error."""

    error: Exception
    kind: ErrorKind
    in_transaction: bool
    """Whether a transaction was open when the call began."""
    at: float
    """Monotonic time, in seconds, at which the error was seen."""
    superseded: bool
    """Whether the connection it happened on has been replaced meanwhile, on behalf of another caller."""


ConnectNext: TypeAlias = Callable[[HostInfo], Awaitable[Opened]]
CallNext: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]


class BasePlugin:
    """What `Plugin` and `BlockingPlugin` share: how a plugin describes itself, and the hooks that never wait."""

    code: ClassVar[str]
    """The name by which `plugins` and other plugins mean this one."""
    phase: ClassVar[Phase | None] = None
    """Its place in the chain; None: behind its neighbour in the program's list."""
    needs_topology: ClassVar[bool] = False
    """Whether the session must know the cluster and host it is connected to."""
    group: ClassVar[str | None] = None
    """The task of which a chain has one plugin at most; None: there may be any number."""
    excludes: ClassVar[frozenset[str]] = frozenset()
    """Codes of plugins with which this one does not work in one chain."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Codes of plugins without which this one does not work."""
    covers: ClassVar[frozenset[str]] = frozenset()
    """Codes of plugins whose work this one does too: they are left out of its chain."""

    def __init__(self, session: SessionView) -> None:
        self.session = session

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn | None:
        """Return where the credentials of the session's connections come from; None: from the program's arguments.

        Called before there is a session. One plugin of a chain at most has them.
        """
        del settings, adapter
        return None

    def connected(self, opened: Opened) -> None:
        """Note which connection the session works on from now on.

        Called after the session has connected and after each switch; and again, for the same connection, where the
        background threads of the process have ended: in a forked child, and after `release_resources`.
        """

    def close(self) -> None:
        """Let go of what the plugin holds; called once, when the program closes its connection."""


class Plugin(BasePlugin):
    """Base of all plugins; one instance serves one session.

    What a plugin overrides is what it takes part in: a hook that is left alone costs nothing. Coroutines wait only
    through `self.session.io`, and so serve the blocking and the asyncio flavour alike; plain functions must be quick
    and do no I/O.
    """

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Wrap a call of the program's: `await proceed(*args, **kwargs)` makes it. Costs microseconds per call.

        `function` is the driver's method that is about to be called, and `method_name(function)` its name.
        """
        return await proceed(*args, **kwargs)

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        """Open a connection to `host`, or to another one: `await proceed(host)` leads on towards the driver."""
        return await proceed(host)

    async def on_read_only(self, read_only: bool) -> None:
        """Move the session to where read-only transactions belong, or all others.

        Called before the program's wish reaches the driver. To raise leaves everything as it is.
        """

    async def on_reopen(self) -> HostInfo | None:
        """Return the host to which a connection belongs that the program has the driver open again; None: as before.

        MySQL's drivers have methods for that. To raise is to have the program's call fail.
        """
        return None

    async def on_error(self, failure: Failure) -> None:
        """Deal with a driver error of a call. To return is to have the program see the error as it is."""


def overrides(plugin: Plugin, hook: str) -> bool:
    """Tell whether a plugin takes part in a hook."""
    return class_overrides(type(plugin), hook)


def class_overrides(plugin_class: type[BasePlugin], hook: str) -> bool:
    """Tell whether the plugins of a class take part in a hook."""
    own, model = getattr(plugin_class, hook), getattr(Plugin, hook)
    return getattr(own, "__func__", own) is not getattr(model, "__func__", model)  # of a class method, the function


def method_name(function: Callable[..., Any]) -> str:
    """Return the name of the method that a plugin's `execute` is given, the same in both flavours.

    That is `Connection.<method>` or `Cursor.<method>`, whatever the driver's class is called. Blocks are entered and
    left as `Connection.transaction.__enter__` and `__exit__`, `copy` and `pipeline` likewise; what a program does with
    them is called after the driver's class: `Copy.read`, `Pipeline.sync`. `Connection.__next__` gets a row over the
    network.
    """
    owner = getattr(function, "owner", getattr(function, "__self__", None))
    return f"{_kind(owner)}.{getattr(function, '__name__', '')}"


def _kind(owner: object) -> str:
    if hasattr(owner, "commit"):
        return "Connection"
    return "Cursor" if hasattr(owner, "fetchone") else type(owner).__name__.removeprefix("Async")
