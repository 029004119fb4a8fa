"""What the adapters of the asyncio flavours of MySQL drivers have in common, over connections that are ours in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.driver.mysql.adapter import MysqlAdapter

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection, RawCursor, TransactionSource

FAREWELL = 5.0  # s; how long closing a connection may take


class AsyncMysqlAdapter(MysqlAdapter):
    """The part of an asyncio adapter that does not depend on the driver: its connections answer for themselves."""

    awaited_cursors = True

    def wire(self, raw: RawConnection) -> Any:
        """Return the streams."""
        return raw.wire

    async def close(self, io: DriverIo, raw: RawConnection, *, in_use: bool = False) -> None:
        """End it without waiting for anything; who uses it sees the end of the stream."""
        del io, in_use
        raw.drop()

    def server_status(self, raw: RawConnection) -> int:
        """Read what the connection has noted."""
        flags: int = raw.server_status
        return flags

    def transaction_source(self, raw: RawConnection) -> TransactionSource:
        """The connection itself notes what the server says."""
        source: TransactionSource = raw
        return source

    def cursor(self, raw: RawConnection, /, *args: Any, **kwargs: Any) -> RawCursor:
        """Make it at once: the drivers' awaitables wait for nothing but rows that nobody wants."""
        return raw.cursor_now(*args, **kwargs)

    def cursor_of_lost(self, raw: RawConnection, /, *args: Any, **kwargs: Any) -> RawCursor:
        """Make it although the driver refuses."""
        return raw.cursor_though_lost(*args, **kwargs)
