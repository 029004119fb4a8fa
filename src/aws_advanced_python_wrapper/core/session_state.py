"""What a program has set on its connection, and how the next connection gets it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.io import BlockingIo
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.database import AUXILIARY_QUERY_TIMEOUT_SEC
from aws_advanced_python_wrapper.parameters.session import (
    ON_SWITCH,
    RESET_SESSION_STATE_ON_CLOSE,
    TRANSFER_SESSION_STATE_ON_SWITCH,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.driver.contract import RawConnection
    from aws_advanced_python_wrapper.driver.session_state import ServerState
    from aws_advanced_python_wrapper.properties import Settings


class SessionState:
    """The state of one session.

    What the driver's own object remembers (autocommit, isolation level, adapters and so on) is read from the connection
    of the moment. What only the server remembers is kept here, as the program has set it.
    """

    def __init__(self, settings: Settings, adapter: DriverAdapter, io: Io) -> None:
        self._settings = settings
        self._adapter = adapter
        self._io = io
        self._server: ServerState = {}
        self._on_switch = settings[ON_SWITCH]
        if isinstance(io, BlockingIo) and inspect.iscoroutinefunction(self._on_switch):
            raise AwsWrapperError("Parameter on_switch: a blocking connection needs a function that is no coroutine.")

    async def set_schema(self, raw: RawConnection, schema: str | Sequence[str] | None) -> None:
        """Have names without schema looked up in these schemas, one or several in order; None: in the default ones."""
        await self._set(raw, schema=None if schema is None else _names(schema))

    async def set_role(self, raw: RawConnection, role: str | None) -> None:
        """Act with the rights of another role; None: of the one that the session began with."""
        if role is not None and not isinstance(role, str):
            raise AwsWrapperError(f"set_role takes the name of a role, or None, and not {role!r}.")
        await self._set(raw, role=role)

    async def _set(self, raw: RawConnection, **changes: Sequence[str] | str | None) -> None:
        adapter = self._adapter
        for sql in adapter.session_queries(raw, changes):
            await adapter.command(self._io, raw, sql, self._deadline)
        self._server = {**self._server, **{name: changes[name] for name in changes.keys() - adapter.carried}}

    async def transfer(self, old: RawConnection, new: RawConnection, read_only: bool | None = None) -> None:
        """Give a connection that nobody uses yet what the program has set on the one it replaces, which may be lost.

        `read_only` is what the program is about to set, unless None.

        Raises what the driver, or the user's own `on_switch`, raises; the new connection is then of no use.
        """
        adapter, io = self._adapter, self._io
        if self._settings[TRANSFER_SESSION_STATE_ON_SWITCH]:
            await adapter.copy_state(io, old, new, self._deadline, read_only=read_only)
            await self._send_server_state(new)
        await self._let_user_set(new)

    async def _send_server_state(self, raw: RawConnection) -> None:
        for sql in self._adapter.session_queries(raw, self._server) if self._server else ():
            await self._adapter.query(self._io, raw, sql, self._deadline)

    async def _let_user_set(self, raw: RawConnection) -> None:
        if self._on_switch is not None:
            await self._io.call(self._on_switch, raw)
            if self._adapter.transaction_source(raw).transaction_status:
                # Without autocommit what it has set would be gone with the program's first rollback.
                await self._io.call(raw.commit)

    def told(self, raw: RawConnection) -> Any:
        """Return what `resume` is to have. No I/O."""
        return self._adapter.told(raw)

    async def resume(self, raw: RawConnection, begun: Any, last: Any) -> None:
        """Give a connection that has opened again what the program had set on it: `last`, where that is not as `begun`.

        Raises what the driver, or the user's own `on_switch`, raises.
        """
        if self._settings[TRANSFER_SESSION_STATE_ON_SWITCH]:
            await self._adapter.tell_again(self._io, raw, begun, last, self._deadline)
            await self._send_server_state(raw)
        await self._let_user_set(raw)

    async def reset(self, raw: RawConnection, as_lent: Any) -> bool:
        """Make a connection what it was when a pool lent it; tells whether that can be done at all.

        Raises the driver's error. With `reset_session_state_on_close` off, only an open transaction is rolled back.
        """
        adapter, resets = self._adapter, self._settings[RESET_SESSION_STATE_ON_CLOSE]
        if not adapter.is_between_statements(raw):
            return False
        in_transaction = bool(adapter.transaction_source(raw).transaction_status)
        changed: ServerState = dict.fromkeys(self._server) if resets else {}
        if in_transaction or changed:
            for sql in adapter.session_queries(raw, changed, rollback=in_transaction):
                await adapter.query(self._io, raw, sql, self._deadline)
        if resets:
            await adapter.restore(self._io, raw, as_lent, self._deadline)
        return True

    @property
    def _deadline(self) -> Deadline:
        return Deadline.after(self._settings[AUXILIARY_QUERY_TIMEOUT_SEC])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict(self._server)}>"


def _names(schema: str | Sequence[str]) -> tuple[str, ...]:
    names = (schema,) if isinstance(schema, str) else schema
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise AwsWrapperError(f"set_schema takes the name of a schema, a list of names, or None, and not {schema!r}.")
    return tuple(names)
