"""The state of the sessions of MySQL Connector/Python, in both its flavours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from aws_advanced_python_wrapper.driver.mysql.session import MysqlSession

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.deadline import Deadline

# The private names are the same from 8.1 to 9.7, but for those that came later.
_STATE = (
    *("_autocommit", "_time_zone", "_get_warnings", "_raise_on_warnings", "_consume_results", "_buffered", "_raw"),
    *("_converter_class", "_converter_str_fallback", "converter", "_use_unicode", "_query_attrs"),
    *("_allow_local_infile_in_path", "_read_timeout", "_write_timeout"),
)


class ConnectorSession(MysqlSession):
    """The part of the connector's adapters that deals with session state."""

    remembered = _STATE
    charset_attribute: ClassVar[str]
    """The attribute that holds what `set_charset_collation` has set."""

    def charset(self, connection: Any) -> Any:
        """Read the driver's own note."""
        return getattr(connection, self.charset_attribute)

    async def copy_state(
        self, io: Any, old: Any, new: Any, deadline: Deadline, *, read_only: bool | None = None
    ) -> None:
        """Let no SQL mode be remembered of which the server knows nothing: by it, values are quoted."""
        source, target = self.itself(old), self.itself(new)
        self._refuse_another_user(source.session_notes.user, target)
        if "sql_mode" in target.session_notes.changes_to(source.session_notes):
            target._sql_mode = source._sql_mode if _was_set(source) else None  # noqa: SLF001 - the driver's note
        await super().copy_state(io, old, new, deadline, read_only=read_only)
        _tell_unicode(target)

    def _refuse_another_user(self, user: str | None, connection: Any) -> None:
        """To go on with other rights than the program has asked for would be worse than not to go on."""
        if user is not None and user != connection._user:  # noqa: SLF001 - the driver's note
            raise self.errors.ProgrammingError(
                f"change_user: the session is {user!r}'s now, and the new one is not: open a connection as that user"
            )

    async def begin_anew(self, io: Any, connection: Any, charset: Any) -> None:
        """Do as the driver's own `reset_session` does."""
        setattr(connection, self.charset_attribute, charset)
        _tell_unicode(connection)
        if not await io.call(connection.cmd_reset_connection):
            raise self.errors.OperationalError("the server does not begin the session anew")


def _tell_unicode(connection: Any) -> None:
    """Tell converter and C extension how text is wanted, by a property or, up to 9.2, a method; if there is any."""
    wanted = connection._use_unicode  # noqa: SLF001 - under this name in all versions
    if hasattr(connection, "use_unicode"):
        connection.use_unicode = wanted
    elif hasattr(connection, "set_unicode"):
        connection.set_unicode(wanted)


def _was_set(connection: Any) -> bool:
    """Tell whether the mode that the driver remembers is the one that was set last, and not one that it has read."""
    noted: str | None = connection.session_notes.variables.get("sql_mode")
    return noted == f"'{connection._sql_mode}'"  # noqa: SLF001 - the driver's note


class BlockingConnectorSession(ConnectorSession):
    """The blocking flavour."""

    charset_attribute = "_charset_id"

    async def set_charset(self, io: Any, connection: Any, charset: Any) -> None:
        """By the driver's own method, which tells its converter and the C extension as well."""
        await io.call(connection.set_charset_collation, charset)


class AsyncConnectorSession(ConnectorSession):
    """The asyncio flavour."""

    charset_attribute = "_charset"

    async def set_charset(self, io: Any, connection: Any, charset: Any) -> None:
        """By the driver's own method, which tells its converter as well."""
        await io.call(connection.set_charset_collation, charset.charset_id)
