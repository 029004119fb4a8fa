"""One kept connection to a server, over its Unix socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiomysql

from aws_advanced_python_wrapper.local.errors import NoAnswerError

if TYPE_CHECKING:
    from pathlib import Path

    from aws_advanced_python_wrapper.local.mysql.accounts import Account

_TIMEOUT = 10.0


class Client:
    """Asks one question at a time; the connection is given up when anything goes wrong, and made anew."""

    def __init__(self, name: str, socket: Path, account: Account) -> None:
        self._name = name
        self._socket = socket
        self._account = account
        self._connection: Any = None
        self._turn = asyncio.Lock()

    async def rows(self, sql: str, timeout: float = _TIMEOUT) -> list[dict[str, Any]]:
        """Run a statement; raises `NoAnswerError` if that fails or takes longer than `timeout` seconds."""
        try:
            return await asyncio.wait_for(self._in_turn(sql), timeout)
        except Exception as error:  # the driver stumbles in many ways over a connection that is lost
            raise NoAnswerError(f"{self._name}: {error!r}") from error

    async def row(self, sql: str, timeout: float = _TIMEOUT) -> dict[str, Any]:
        """Run a query and return its first row; nothing if there is none."""
        return next(iter(await self.rows(sql, timeout)), {})

    async def _in_turn(self, sql: str) -> list[dict[str, Any]]:
        async with self._turn:
            try:
                return await self._fetch(sql)
            except BaseException:
                self.drop()
                raise

    async def _fetch(self, sql: str) -> list[dict[str, Any]]:
        if self._connection is None:
            self._connection = await aiomysql.connect(
                unix_socket=str(self._socket),
                user=self._account.name,
                password=self._account.password,
                autocommit=True,
                cursorclass=aiomysql.DictCursor,
            )
        async with self._connection.cursor() as cursor:
            await cursor.execute(sql)
            return list(await cursor.fetchall()) if cursor.description else []

    def drop(self) -> None:
        """Give the connection up, without a word to the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
