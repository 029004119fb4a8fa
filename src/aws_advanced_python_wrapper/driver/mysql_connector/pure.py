"""What goes before pure Python's own class of connections: its flags, and sockets on which one can be interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mysql.connector.errors import Error

from aws_advanced_python_wrapper.driver.mysql.remembering import FLAGS
from aws_advanced_python_wrapper.driver.mysql.session import AUTOCOMMIT
from aws_advanced_python_wrapper.driver.preceding import preceded

if TYPE_CHECKING:
    from collections.abc import Callable


class Breaking:
    """Goes before the connector's classes of sockets: who is interrupted while using the stream breaks it off.

    Ctrl-C, a signal handler or a timeout of gevent's may end a statement in the middle of a packet; the connector
    itself would take the answer to the interrupted statement for that to the next one. Errors of the connector's count
    too: a `TimeoutError` of a signal handler comes as one.
    """

    sent = 0
    """How many packets."""

    shutdown: Callable[[], None]
    """Shuts the socket down and closes it; raises nothing."""

    def __init_subclass__(cls) -> None:
        """Have the method for each packet, and so for each row, cost next to nothing more: no `super`."""
        cls.recv = _breaking(cls.recv)  # type: ignore[attr-defined]

    def send(self, *args: Any, **kwargs: Any) -> None:
        """Write a packet."""
        self.sent += 1
        try:
            super().send(*args, **kwargs)  # type: ignore[misc]
        except BaseException:
            self.shutdown()
            raise


def _breaking(receive: Callable[..., Any]) -> Callable[..., Any]:
    def recv(self: Breaking, read_timeout: float | None = None) -> Any:
        """Read a packet, within so many seconds; old versions know no such limit."""
        try:
            return receive(self) if read_timeout is None else receive(self, read_timeout)
        except BaseException:
            self.shutdown()
            raise

    return recv


class Pure:
    """Keeps the flags of which pure Python keeps but two, and breaks off what is interrupted between packets too."""

    _autocommit: bool
    _in_transaction: bool
    _socket: Any

    @property
    def _server_status(self) -> int:
        """The server's flags, as it told them last."""
        before = AUTOCOMMIT if self._autocommit else 0
        return vars(self).get(FLAGS, before) | self._in_transaction  # type: ignore[no-any-return]

    def _handle_server_status(self, flags: int) -> None:
        super()._handle_server_status(flags)  # type: ignore[misc]
        vars(self)[FLAGS] = flags

    def _get_connection(self) -> Any:
        return _ours(super()._get_connection())  # type: ignore[misc]

    def take_over_socket(self) -> None:
        """Make the socket of a connection that was opened before it was ours one that breaks off."""
        if self._socket is not None:
            _ours(self._socket)

    def cmd_query(self, *args: Any, **kwargs: Any) -> Any:
        """Send a statement, and read its answer up to the rows."""
        return self._to_its_end(super().cmd_query, *args, **kwargs)  # type: ignore[misc]

    def cmd_stmt_prepare(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare a statement."""
        return self._to_its_end(super().cmd_stmt_prepare, *args, **kwargs)  # type: ignore[misc]

    def cmd_stmt_execute(self, *args: Any, **kwargs: Any) -> Any:
        """Execute a prepared statement."""
        return self._to_its_end(super().cmd_stmt_execute, *args, **kwargs)  # type: ignore[misc]

    def _send_cmd(self, *args: Any, **kwargs: Any) -> Any:
        return self._to_its_end(super()._send_cmd, *args, **kwargs)  # type: ignore[misc]

    def _to_its_end(self, command: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        wire = self._socket
        sent = wire and wire.sent
        try:
            return command(*args, **kwargs)
        except Error:
            raise
        except BaseException:
            if wire is not None and wire.sent != sent:  # an argument of a wrong type is told before anything is sent
                wire.shutdown()
            raise


def _ours(wire: Any) -> Any:
    """Return the connector's socket, which breaks off from now on."""
    if not isinstance(wire, Breaking):
        drivers: Any = type(wire)
        wire.__class__ = preceded(drivers, Breaking)
    return wire
