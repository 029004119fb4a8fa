"""What aiomysql's connections forget, and ours do not; see `driver.mysql.remembering`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.driver.mysql.notes import may_tell
from aws_advanced_python_wrapper.driver.mysql.remembering import Remembering, isolation_statement
from aws_advanced_python_wrapper.driver.mysql.reopening import note_leaving, note_opened, open_in_time, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator


class RememberingAiomysql(Remembering):
    """A connection of aiomysql's."""

    encoding: str
    connect_timeout: int | None
    _db: Any
    sql_mode: Any
    init_command: Any

    @property
    def first_database(self) -> str | None:
        """The parameter `db`."""
        return self._db or None

    @property
    def seconds_to_connect(self) -> int | None:
        """The parameter `connect_timeout`; None: no limit."""
        return self.connect_timeout or None

    def _first_statements(self) -> Iterator[str]:
        if self.sql_mode is not None:
            yield f"SET sql_mode={self.sql_mode}"
        if self.init_command is not None:
            yield self.init_command

    def query(self, sql: Any, *args: Any, **kwargs: Any) -> Any:
        """Send a statement, as all the cursors do."""
        sending = super().query(sql, *args, **kwargs)  # type: ignore[misc]
        return self._noted(sending, sql, self.encoding) if may_tell(sql) else sending

    async def select_db(self, db: str) -> None:
        """Change the database."""
        await super().select_db(db)  # type: ignore[misc]
        self._note_database(db)

    async def set_isolation_level(self, level: str | None) -> None:
        """Set the level of the transactions that begin from now on; None: as the server has it."""
        await self.query(isolation_statement(level))

    async def _connect(self) -> None:
        note_leaving(self)
        with self.beginning_anew(self.first_database):
            await prepare(self)
            await open_in_time(self, super()._connect())  # type: ignore[misc]
            await note_opened(self)
