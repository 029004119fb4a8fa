"""Connections of MySQL Connector/Python that tell a token for a password: over TLS, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mysql.connector.constants import ClientFlag
from mysql.connector.errors import InterfaceError

from aws_advanced_python_wrapper.driver.mysql_connector import client_library

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAME = "_connector_name"  # one of the attributes that the driver gives each connection


_NO_TLS = 2026  # MySQL's client error CR_SSL_CONNECTION_ERROR


def refuse_without_tls(handshake: Mapping[str, Any]) -> None:
    """Raise the connector's error where a server, which has just greeted, offers no TLS."""
    if not handshake["capabilities"] & ClientFlag.SSL:
        raise InterfaceError("SSL is required but the server doesn't support it", errno=_NO_TLS)


class PureOverTls:
    """Goes before the class of connections in pure Python."""

    _handshake: Mapping[str, Any]

    def _do_handshake(self) -> None:
        super()._do_handshake()  # type: ignore[misc]
        refuse_without_tls(self._handshake)


class ExtensionOverTls:
    """Goes before the C extension's class of connections.

    The extension goes on unencrypted where a server offers no TLS, and has no parameter against that. Its client
    library has; and all that the extension asks for, between making the library's structure and connecting, is what
    the connection's attributes are as text.
    """

    _cmysql: Any
    _conn_attrs: dict[str, Any]

    def _open_connection(self) -> None:
        client_library.tells_sockets()  # whatever is wrong with the library is raised here: the extension could not
        given = self._conn_attrs
        name = _Name(given.get(_NAME, ""), self._require_tls)
        self._conn_attrs = {**given, _NAME: name}
        try:
            super()._open_connection()  # type: ignore[misc]
        finally:
            self._conn_attrs = given
            if name.raised is not None:
                self._cmysql.close()
                raise name.raised

    def _require_tls(self) -> None:
        client_library.require_tls(self._cmysql)


class _Name:
    """A text that calls a function whenever it is asked for, and keeps what that raises: the extension would crash."""

    raised: BaseException | None = None

    def __init__(self, text: str, when_asked: Callable[[], None]) -> None:
        self._text = text
        self._when_asked = when_asked

    def __str__(self) -> str:
        try:
            self._when_asked()
        except BaseException as error:  # noqa: BLE001 - whoever opens the connection raises it
            self.raised = error
        return self._text
