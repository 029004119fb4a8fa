"""A MySQL server with a script that asks for tokens, and all the ways to open a connection to it with one."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.driver.catalogue import adapter_for
from aws_advanced_python_wrapper.properties import Settings
from support.mysql_server import DENIED, OK, OTHER_NONCE, Client, MysqlServer, greeting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKEN = "db.example.com:3306/?Action=connect&" + "q%2F" * 600
AUTHORITY, STRANGER = trustme.CA(), trustme.CA()

WAYS = ["mysql-c", "mysql-pure", "mysql-aio", "aiomysql"]
MONITORS = ["monitor of mysql-aio", "monitor of aiomysql"]


class TokenServer(MysqlServer):
    """Asks for a token as it is, unless it was told already, and then answers pings."""

    def __init__(self, *, offers_tls: bool) -> None:
        super().__init__(password=TOKEN.encode(), tls=server_tls() if offers_tls else None)
        self.told: list[bytes] = []

    def let_in(self, client: Client) -> None:
        client.say(greeting("caching_sha2_password", tls=self.tls is not None))
        response = client.hear()
        if self.tls is not None:
            assert len(response) == 32, "no TLS was asked for"
            client.encrypt(self.tls)
            response = client.hear()
        if b"mysql_clear_password\0" not in response:
            client.say(b"\xfemysql_clear_password\0" + OTHER_NONCE + b"\0")
            response = client.hear()
        self.told.append(response)
        if self.password + b"\0" not in response:
            client.say(DENIED)
            raise ConnectionAbortedError("denied")
        client.say(OK)

    def answer_pings(self, client: Client) -> None:
        while client.hear()[0] != 1:
            client.say(OK)

    @property
    def heard_the_token(self) -> bool:
        return any(b"Action=connect" in packet for client in self.clients for packet in client.heard)


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


def write_authorities(folder: Path) -> dict[bool, Path]:
    """Return the files of the server's authority (True) and of one that nobody knows (False)."""
    files = {True: folder / "known.pem", False: folder / "stranger.pem"}
    AUTHORITY.cert_pem.write_to_path(str(files[True]))
    STRANGER.cert_pem.write_to_path(str(files[False]))
    return files


class Way:
    """One way to open connections with a token, in whatever flavour."""

    def __init__(self, name: str, authorities: dict[bool, Path]) -> None:
        self.name = name
        self._authorities = authorities
        driver = name.removeprefix("monitor of ")
        self.is_asyncio = driver in ("mysql-aio", "aiomysql")
        module = {"mysql-aio": "mysql.connector.aio", "aiomysql": "aiomysql"}.get(driver, "mysql.connector")
        self.module = pytest.importorskip(module)
        if name == "mysql-c" and not self.module.HAVE_CEXT:
            pytest.skip("there is no C extension")
        self.adapter: Any = adapter_for(self.module.connect, asynchronous=self.is_asyncio)

    def given(self, **options: Any) -> dict[str, Any]:
        own: dict[str, Any] = {} if self.is_asyncio else {"use_pure": self.name == "mysql-pure"}
        if "aiomysql" in self.name:
            own = {"ssl": ssl.create_default_context(cafile=self._authorities[True])}
        return {"host": "127.0.0.1", "user": "jane", "connect_timeout": 10, **own, **options}

    def verifying(self, *, known: bool) -> dict[str, Any]:
        file = str(self._authorities[known])
        if "aiomysql" in self.name:
            return {"ssl": ssl.create_default_context(cafile=file)}
        return {"ssl_ca": file, "ssl_verify_cert": True, "ssl_verify_identity": True}

    def plain_settings(self, **options: Any) -> Settings:
        arguments = self.given(**options)
        return Settings.from_arguments(None, arguments, self.adapter.parameters, self.adapter.typed_parameters)

    def settings(self, **options: Any) -> Settings:
        marked: Settings = self.adapter.token_settings(self.plain_settings(**options))
        return marked.with_driver(password=TOKEN)

    def play(self, port: int, scenario: Callable[[Any], Any] | None = None, **options: Any) -> None:
        """Open a connection, do something with it, and leave it."""
        is_monitor = self.name.startswith("monitor")
        adapter = self.adapter.blocking() if is_monitor else self.adapter
        io: Any = AsyncioIo() if self.is_asyncio and not is_monitor else BlockingIo()

        async def open_and_play() -> None:
            raw = await adapter.open(io, adapter.arguments(self.settings(**options), "127.0.0.1", port))
            try:
                if scenario is not None:
                    await io.call(scenario, raw)
            finally:
                await adapter.leave(io, raw)

        if isinstance(io, BlockingIo):
            run(open_and_play())
        else:
            asyncio.run(open_and_play())
