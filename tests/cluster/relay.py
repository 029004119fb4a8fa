"""A line from programs to one instance that can fall silent for good.

When an instance of the local cluster has hung and is replaced, its proxy cuts all connections in the end. On a real
network nobody does: what a partition has swallowed stays open at the program's end. So it is behind a silent relay.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from aws_advanced_python_wrapper.local.instance import Instance


class Relay:
    """Listens at an address or port of its own. The body of a `with` statement is its life."""

    def __init__(self, instance: Instance, address: str, port: int | None = None) -> None:
        self.address = address
        self.port = port or instance.port
        self.clients = 0
        """Connections that the programs have not ended."""
        self._instance = instance
        self._silent = False
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.AbstractServer | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def fall_silent(self) -> None:
        """Pass no byte on and close nothing from now on, whatever the instance does."""
        self._silent = True

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, self.port)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.clients += 1
        with contextlib.suppress(asyncio.CancelledError), contextlib.closing(to_client):
            server, to_server = await asyncio.open_connection(self._instance.address, self._instance.port)
            with contextlib.closing(to_server):
                answers = asyncio.create_task(self._answer(server, to_client))
                await self._pass_on(client, to_server)
                answers.cancel()
        self.clients -= 1

    async def _answer(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        await self._pass_on(server, to_client)
        if not self._silent:
            to_client.close()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                if not self._silent:
                    sink.write(data)
