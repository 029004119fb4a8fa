"""The supervisor's ear: one JSON line in, one JSON line out, on a Unix socket only the owner can reach."""

from __future__ import annotations

import asyncio
import json
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.supervisor.operations import Operations

if TYPE_CHECKING:
    from pathlib import Path

    from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController


class ControlServer:
    """Serves `Operations`; "stop" sets `ending`, and is answered when everything has ended."""

    def __init__(self, cluster: ClusterController, ending: asyncio.Event) -> None:
        self._operations = Operations(cluster)
        self._ending = ending
        self._server: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._converse, path, limit=1 << 20)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if request["operation"] == "stop":
                self._ending.set()
                return {"result": None}
            operation = self._operations.find(request["operation"])
            return {"result": await operation(**request["arguments"])}
        except LocalClusterError as error:
            return {"error": str(error)}
        except Exception:  # noqa: BLE001  # a client must not wait for ever for a supervisor that stumbled
            return {"error": "the supervisor failed:\n" + traceback.format_exc()}
