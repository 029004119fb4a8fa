"""What the C extension of MySQL Connector/Python has inside and does not offer: functions of its client library.

The extension's object for a connection has the library's structure `MYSQL` right behind what every Python object begins
with, and the extension exports the library's functions under their own names.
"""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from mysql.connector.errors import OperationalError, get_mysql_exception

try:
    import _mysql_connector
except ImportError:
    _mysql_connector = None

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[[int], int]

# mysql_get_socket_descriptor(MYSQL *), compiled as C++.
_SOCKET_NUMBER = "_Z27mysql_get_socket_descriptorP5MYSQL"

# The library's options (its enumeration mysql_option), and a value of the last one.
_DEFAULT_AUTH, _ENABLE_CLEARTEXT_PLUGIN, _SSL_MODE = 17, 30, 35
_REQUIRED = 3

ERRORS: tuple[Any, ...] = () if _mysql_connector is None else (_mysql_connector.MySQLInterfaceError,)
"""The extension's own exception class, which is none of PEP 249's: `commit` raises it, for example."""


class _Library(NamedTuple):
    socket_number: Function | None
    ping: Function
    reset: Function
    refresh: Callable[[int, int], int]
    number: Function
    message: Callable[[int], bytes]
    state: Callable[[int], bytes]
    set_option: Callable[[int, int, Any], int]
    option: Callable[[int, int, Any], int]


def tells_sockets() -> bool:
    """Tell whether this build of the extension tells the numbers of its sockets."""
    return _library().socket_number is not None


def socket_number(connection: Any) -> int:
    """Return the number of the socket of an extension object, be it just connecting in another thread.

    Raises OSError where there is none, or nobody knows it.
    """
    ask = _library().socket_number if isinstance(connection, _mysql_connector.MySQL) else None
    number = ask(_structure(connection)) if ask else -1
    if number < 0:
        raise OSError("the C extension has no open socket here")
    return number


def ping(connection: Any) -> bool:
    """Ask the server whether it is there, while other threads run."""
    return bool(connection.connected()) and _library().ping(_structure(connection)) == 0


def reset(connection: Any) -> bool:
    """Have the server begin the session anew, while other threads run; False if it does not."""
    return bool(connection.connected()) and _library().reset(_structure(connection)) == 0


def refresh(connection: Any, options: int) -> None:
    """Have the server refresh what the flags say, while other threads run; raises the driver's error."""
    if not connection.connected():
        raise OperationalError("MySQL Connection not available")
    library, structure = _library(), _structure(connection)
    if library.refresh(structure, options):
        message, state = library.message(structure).decode(errors="replace"), library.state(structure).decode()
        cause = _mysql_connector.MySQLInterfaceError(message)
        raise get_mysql_exception(library.number(structure), msg=message, sqlstate=state) from cause


def require_tls(connection: Any) -> None:
    """Have an extension's object that is about to connect use TLS or fail, and only then tell its password as it is.

    A library that does not take the requirement tells no password.
    """
    library, structure = _library(), _structure(connection)
    mode = ctypes.c_uint()
    library.option(structure, _SSL_MODE, ctypes.byref(mode))
    mode.value = max(mode.value, _REQUIRED)
    library.set_option(structure, _SSL_MODE, ctypes.byref(mode))
    mode.value = 0
    library.option(structure, _SSL_MODE, ctypes.byref(mode))
    if mode.value >= _REQUIRED:
        library.set_option(structure, _ENABLE_CLEARTEXT_PLUGIN, ctypes.byref(ctypes.c_bool(True)))
        library.set_option(structure, _DEFAULT_AUTH, b"mysql_clear_password")


def _structure(connection: Any) -> int:
    return id(connection) + object.__basicsize__


@functools.cache
def _library() -> _Library:
    path = _mysql_connector.__file__
    # PyDLL keeps the interpreter's lock: to read a number takes less time than to let it go. CDLL lets it go.
    quick, slow = ctypes.PyDLL(path), ctypes.CDLL(path)
    return _Library(
        _function(quick, _SOCKET_NUMBER) if hasattr(quick, _SOCKET_NUMBER) else None,
        _function(slow, "mysql_ping"),
        _function(slow, "mysql_reset_connection"),
        _function(slow, "mysql_refresh", ctypes.c_uint),
        _function(quick, "mysql_errno"),
        _function(quick, "mysql_error", returns=ctypes.c_char_p),
        _function(quick, "mysql_sqlstate", returns=ctypes.c_char_p),
        _function(quick, "mysql_options", ctypes.c_int, ctypes.c_void_p),
        _function(quick, "mysql_get_option", ctypes.c_int, ctypes.c_void_p),
    )


def _function(library: ctypes.CDLL, name: str, *more: Any, returns: Any = ctypes.c_int) -> Any:
    function = getattr(library, name)
    function.argtypes, function.restype = [ctypes.c_void_p, *more], returns
    return function
