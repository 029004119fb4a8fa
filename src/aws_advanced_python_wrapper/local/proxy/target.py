"""The way from a proxy to its server: a TCP address or a Unix socket."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A Unix socket whose server is too slow to accept turns clients away at once, where TCP lets them wait.
_PAUSE_WHEN_FULL = 0.05

Target = tuple[str, int] | Path


async def dial(target: Target, protocol: Callable[[], asyncio.Protocol]) -> None:
    """Connect; raises OSError when nobody listens there."""
    loop = asyncio.get_running_loop()
    if isinstance(target, Path):
        await loop.create_unix_connection(protocol, sock=await _unix(str(target)))
    else:
        await loop.create_connection(protocol, *target)


async def _unix(path: str) -> socket.socket:
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            connection.connect(path)
        except BlockingIOError:
            connection.close()
            await asyncio.sleep(_PAUSE_WHEN_FULL)
        except OSError:
            connection.close()
            raise
        else:
            return connection
