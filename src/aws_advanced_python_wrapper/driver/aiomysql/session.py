"""The state of aiomysql's sessions."""

from __future__ import annotations

from typing import Any

from pymysql.charset import charset_by_name

from aws_advanced_python_wrapper.driver.mysql.session import MysqlSession

_RESET_CONNECTION = 0x1F  # COM_RESET_CONNECTION, of which aiomysql knows nothing


class AiomysqlSession(MysqlSession):
    """The part of the adapter for aiomysql that deals with session state."""

    remembered = ("autocommit_mode", "cursorclass", "encoders", "decoders", "use_unicode", "_echo")

    def charset(self, connection: Any) -> str:
        """Read the driver's own note."""
        name: str = connection.charset
        return name

    async def set_charset(self, io: Any, connection: Any, charset: str) -> None:
        """By the driver's own method."""
        await io.call(connection.set_charset, charset)

    async def begin_anew(self, io: Any, connection: Any, charset: str) -> None:
        """Do after the server's reset what the driver does when it connects."""
        del io
        with connection.beginning_anew(connection.session_notes.database):
            await connection._execute_command(_RESET_CONNECTION, "")  # noqa: SLF001 - there is no other way
            await connection._read_ok_packet()  # noqa: SLF001
            await _set_names(connection, charset)
            if connection.sql_mode is not None:
                await connection.query(f"SET sql_mode={connection.sql_mode}")
            if connection.init_command is not None:
                await connection.query(connection.init_command)
                await connection.commit()
            if connection.autocommit_mode is not None:
                await connection.autocommit(connection.autocommit_mode)


async def _set_names(connection: Any, charset: str) -> None:
    # In its login, the driver chooses a collation by this table; `set_charset` leaves that to the server.
    found = charset_by_name(charset)
    connection._charset, connection._encoding = charset, found.encoding  # noqa: SLF001 - as `set_charset` does
    await connection.query(f"SET NAMES {charset} COLLATE {found.collation}")
