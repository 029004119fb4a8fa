"""Opening connections to a MySQL server with each of the drivers, through their adapters alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.driver.catalogue import adapter_for

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

WAYS = ["mysql-c", "mysql-pure", "mysql-aio", "aiomysql"]


class Way:
    """One way to open connections, in whatever flavour."""

    def __init__(self, name: str) -> None:
        connector = pytest.importorskip("mysql.connector" if name != "aiomysql" else "aiomysql")
        if name == "mysql-aio":
            connector = pytest.importorskip("mysql.connector.aio")
        if name == "mysql-c" and not connector.HAVE_CEXT:
            pytest.skip("there is no C extension")
        self.name, self.is_asyncio = name, name in ("mysql-aio", "aiomysql")
        self.adapter: Any = adapter_for(connector.connect, asynchronous=self.is_asyncio)
        self.io: Any = AsyncioIo() if self.is_asyncio else BlockingIo()

    def play(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self.is_asyncio:
            asyncio.run(scenario())
        else:
            run(scenario())

    async def open(self, port: Any, **options: Any) -> Any:
        arguments = {"host": "127.0.0.1", "port": port, "user": "app", "password": "secret", **options}
        arguments["connection_timeout" if self.name == "mysql-aio" else "connect_timeout"] = 10
        if self.name != "aiomysql":
            arguments.setdefault("ssl_disabled", True)
        if not self.is_asyncio:
            arguments["use_pure"] = self.name == "mysql-pure"
        return await self.adapter.open(self.io, arguments)

    async def reconnect(self, raw: Any) -> None:
        if self.name == "aiomysql":
            raw.close()
            await raw.ping()
        else:
            await self.io.call(raw.reconnect)

    async def reset(self, raw: Any) -> None:
        await self.io.call(raw.cmd_reset_connection)

    async def tell(self, raw: Any, *statements: str) -> None:
        for statement in statements:
            await self.io.call(raw.query if self.name == "aiomysql" else raw.cmd_query, statement)

    async def leave(self, *raws: Any) -> None:
        for raw in raws:
            await self.adapter.leave(self.io, raw)
