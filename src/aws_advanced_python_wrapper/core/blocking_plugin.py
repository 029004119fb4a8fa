"""Plugins written without coroutines, for programs that use the blocking flavour only."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.plugin import BasePlugin, Plugin
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.plugin import Failure, SessionView

T = TypeVar("T")


class BlockingPlugin(BasePlugin):
    """Base of plugins whose hooks are plain functions; they may block. An asyncio connection refuses them.

    What a plugin overrides is what it takes part in, as with `Plugin`.
    """

    def execute(
        self,
        function: Callable[..., Any],  # noqa: ARG002
        proceed: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Wrap a call of the program's: `proceed(*args, **kwargs)` makes it."""
        return proceed(*args, **kwargs)

    def connect(self, host: HostInfo, proceed: Callable[[HostInfo], Opened]) -> Opened:
        """Open a connection to `host`, or to another one: `proceed(host)` leads on towards the driver."""
        return proceed(host)

    def on_read_only(self, read_only: bool) -> None:
        """Move the session to where read-only transactions belong, or all others; see `Plugin.on_read_only`."""

    def on_reopen(self) -> HostInfo | None:
        """Return the host to which a connection belongs that the program opens again; see `Plugin.on_reopen`."""
        return None

    def on_error(self, failure: Failure) -> None:
        """Deal with a driver error of a call. To return is to have the program see the error as it is."""

    def open(self, host: HostInfo) -> Opened:
        """Open a connection to a host through the plugins behind this one."""
        this: Any = self  # what `as_plugin` has made of it
        return run(self.session.open(host, below=this))

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run one of the session's coroutines to its end, as in `self.wait(self.session.switch(opened, reason))`."""
        return run(coroutine)


def as_plugin(author: type[BlockingPlugin]) -> type[Plugin]:
    """Return a subclass of a `BlockingPlugin` that is a `Plugin` too: the hooks that it overrides become coroutines."""
    hashable: Any = author  # mypy takes a class for none
    return _as_plugin(hashable)


@lru_cache(maxsize=64)  # bounded: a program may make classes as it goes
def _as_plugin(author: Any) -> type[Plugin]:
    def __init__(self: Any, session: SessionView) -> None:  # noqa: N807 - the method of the class made here
        if not isinstance(session.io, BlockingIo):
            raise AwsWrapperError(
                f"plugins: {author.__name__} is a BlockingPlugin, which cannot serve an asyncio connection: derive it "
                "from Plugin, and write its hooks as coroutines"
            )
        author.__init__(self, session)

    async def execute(self: Any, function: Any, proceed: Any, *args: Any, **kwargs: Any) -> Any:
        return author.execute(self, function, _plain(proceed), *args, **kwargs)

    async def connect(self: Any, host: HostInfo, proceed: Any) -> Any:
        return author.connect(self, host, _plain(proceed))

    async def on_read_only(self: Any, read_only: bool) -> None:
        author.on_read_only(self, read_only)

    async def on_reopen(self: Any) -> HostInfo | None:
        host: HostInfo | None = author.on_reopen(self)
        return host

    async def on_error(self: Any, failure: Failure) -> None:
        author.on_error(self, failure)

    body: dict[str, Any] = {"__init__": __init__, "__module__": author.__module__, "__doc__": author.__doc__}
    for hook in (execute, connect, on_read_only, on_reopen, on_error):
        name = hook.__name__
        taken = getattr(author, name) is not getattr(BlockingPlugin, name)
        body[name] = hook if taken else getattr(Plugin, name)
    made: type[Plugin] = type(author.__name__, (author, Plugin), body)
    return made


def _plain(proceed: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
    return lambda *args, **kwargs: run(proceed(*args, **kwargs))
