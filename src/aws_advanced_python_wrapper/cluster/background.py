"""What the threads share that ask hosts in the background."""

from __future__ import annotations

import logging
from typing import Protocol

logger = logging.getLogger(__name__)


class RefusedError(Exception):
    """A host answered, and does not let us in: asking again at once would be of no use."""


class Closable(Protocol):
    """A connection of such a thread's."""

    def close(self) -> None:
        """End it without waiting for the host."""
        ...


def give_up(connection: Closable | None) -> None:
    """End a connection, if there is one, whatever comes of it."""
    if connection is None:
        return
    try:
        connection.close()
    except Exception as error:  # noqa: BLE001 - nobody needs the connection any more, but its thread must live on
        logger.debug("closing a connection of the background: %s", error)
