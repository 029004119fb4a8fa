"""A resolver hook: chosen names resolve in this process without the help of the operating system.

It reaches what resolves through Python's `socket` module (plain sockets, asyncio), and three libraries that resolve by
themselves: psycopg's libpq, which is given the address along with the name, and uvloop and the C extension of MySQL
Connector/Python, which are given the address in place of the name. Standard library only, as programs that do not have
this package load it too.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Function = Callable[..., Any]

_GENERATORS = "psycopg.generators"
_C_EXTENSION = "mysql.connector.connection_cext"
_UVLOOP = "uvloop"


class ResolverHook:
    """Answers for the names that `look_up` knows; every other name goes the usual way.

    `canonical_name` tells of a name that is known what it is an alias for.
    """

    def __init__(self, look_up: Callable[[str], str | None], canonical_name: Callable[[str], str]) -> None:
        self._look_up = look_up
        self._canonical_name = canonical_name
        self._installed = False
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Begin to answer."""
        self._installed = True
        self._replace(socket, "getaddrinfo", self._by_address_with_canonical_name)
        self._replace(socket, "gethostbyname", self._by_address)
        self._replace(socket, "gethostbyname_ex", self._by_address_keeping_the_name)
        self._once_imported(_GENERATORS, self._hook_psycopg)
        self._once_imported(_C_EXTENSION, self._hook_c_extension)
        self._once_imported(_UVLOOP, self._hook_uvloop)

    def remove(self) -> None:
        """Stop answering and put the original functions back."""
        self._installed = False
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _address(self, host: Any) -> str | None:
        """Return the address of a name we know; also after removal by someone who kept our function."""
        if not self._installed or not isinstance(host, (str, bytes)):
            return None
        return self._look_up(_normal(host))

    def _once_imported(self, name: str, action: Callable[[], None]) -> None:
        if name in sys.modules:
            action()
            return
        finder = _WhenImported(name, action)
        sys.meta_path.insert(0, finder)
        self._undo.append(finder.give_up)

    def _hook_psycopg(self) -> None:
        self._replace(sys.modules[_GENERATORS], "connect", self._by_hostaddr)
        # psycopg 3.1 imports the function by name
        connection = sys.modules.get("psycopg.connection")
        if hasattr(connection, "connect") and connection is not None:
            self._replace(connection, "connect", self._by_hostaddr)

    def _hook_c_extension(self) -> None:
        connection_class = getattr(sys.modules[_C_EXTENSION], "CMySQLConnection", None)
        if connection_class is not None:
            self._replace(connection_class, "_open_connection", self._at_address)

    def _hook_uvloop(self) -> None:
        loop_class = sys.modules[_UVLOOP].Loop
        self._replace(loop_class, "getaddrinfo", self._by_address_in_loop)
        self._replace(loop_class, "create_connection", self._connecting_to_address)

    def _replace(self, module: ModuleType | type, name: str, make: Callable[[Function], Function]) -> None:
        original = getattr(module, name)
        ours = make(original)
        functools.update_wrapper(ours, original)
        setattr(module, name, ours)

        def undo() -> None:
            if getattr(module, name) is ours:  # else someone has wrapped it since: it must stay in the chain
                setattr(module, name, original)

        self._undo.append(undo)

    def _by_address_with_canonical_name(self, original: Function) -> Function:
        def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
            if (address := self._address(host)) is None:
                return original(host, *args, **kwargs)
            return self._with_canonical_name(original(address, *args, **kwargs), host, _flags(*args, **kwargs))

        return resolve

    def _by_address_in_loop(self, original: Function) -> Function:
        async def resolve(loop: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
            if (address := self._address(host)) is None:
                return await original(loop, host, *args, **kwargs)
            found = await original(loop, address, *args, **kwargs)
            return self._with_canonical_name(found, host, _flags(*args, **kwargs))

        return resolve

    def _with_canonical_name(self, found: Any, host: Any, flags: int) -> list[Any]:
        (*first, _, target), *others = found
        asked = flags & socket.AI_CANONNAME
        return [(*first, self._canonical_name(_normal(host)) if asked else "", target), *others]

    def _connecting_to_address(self, original: Function) -> Function:
        async def connect(loop: Any, protocol: Any, host: Any = None, *args: Any, **kwargs: Any) -> Any:
            if (address := self._address(host)) is None:
                return await original(loop, protocol, host, *args, **kwargs)
            if kwargs.get("ssl") and kwargs.get("server_hostname") is None:
                kwargs["server_hostname"] = host  # whom the certificate is to name
            return await original(loop, protocol, address, *args, **kwargs)

        return connect

    def _by_address(self, original: Function) -> Function:
        def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
            return original(self._address(host) or host, *args, **kwargs)

        return resolve

    def _by_address_keeping_the_name(self, original: Function) -> Function:
        def resolve(host: Any) -> Any:
            address = self._address(host)
            return original(host) if address is None else (host, [], [address])

        return resolve

    def _by_hostaddr(self, original: Function) -> Function:
        def connect(conninfo: str, *args: Any, **kwargs: Any) -> Any:
            return original(self._with_hostaddr(conninfo), *args, **kwargs)

        return connect

    def _at_address(self, original: Function) -> Function:
        def open_connection(connection: Any, *args: Any, **kwargs: Any) -> Any:
            host = connection._host  # noqa: SLF001 - what is said to the extension is made of it
            connection._host = self._address(host) or host  # noqa: SLF001
            try:
                return original(connection, *args, **kwargs)
            finally:
                connection._host = host  # noqa: SLF001

        return open_connection

    def _with_hostaddr(self, conninfo: str) -> str:
        """Return the connection string with the addresses of the hosts we know."""
        from psycopg import ProgrammingError  # noqa: PLC0415 - whoever calls this has imported psycopg
        from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415

        try:
            given = conninfo_to_dict(conninfo)
        except ProgrammingError:
            return conninfo  # psycopg itself has the better message
        if given.get("hostaddr") or os.environ.get("PGHOSTADDR"):
            return conninfo
        hosts = str(given.get("host") or os.environ.get("PGHOST") or "").split(",")
        addresses = [self._address(host) or "" for host in hosts]  # libpq resolves the empty ones
        return make_conninfo(conninfo, hostaddr=",".join(addresses)) if any(addresses) else conninfo


def _normal(host: str | bytes) -> str:
    return (host.decode("ascii", "replace") if isinstance(host, bytes) else host).lower().rstrip(".")


def _flags(_port: Any = None, _family: int = 0, _type: int = 0, _proto: int = 0, flags: int = 0, **_named: int) -> int:
    """Take the arguments of getaddrinfo behind the host."""
    return flags


class _WhenImported(importlib.abc.MetaPathFinder):
    """Does something right after a module has been imported, without importing it."""

    def __init__(self, name: str, action: Callable[[], None]) -> None:
        self._name = name
        self._action = action

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the other finders find the module, and hear of its execution."""
        if fullname != self._name:
            return None
        self.give_up()
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self._follow(spec.loader)
        return spec

    def give_up(self) -> None:
        """Wait no longer."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def _follow(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._action()

        loader.exec_module = exec_module
