"""Connections that use TLS or do not open: both drivers would go on unencrypted where a server offers none."""

from __future__ import annotations

from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT

_NO_TLS = 2026  # MySQL's client error CR_SSL_CONNECTION_ERROR


class OverTls(Connection):  # type: ignore[misc]
    """A connection of PyMySQL's that is encrypted before anything of the user is sent."""

    def _request_authentication(self) -> None:
        refuse_without_tls(self, self.ssl)
        super()._request_authentication()


def refuse_without_tls(connection: Any, wanted: object) -> None:
    """Raise the drivers' `OperationalError` where a server, which has just greeted, or its client has no TLS."""
    if not (wanted and connection.server_capabilities & CLIENT.SSL):
        raise pymysql.OperationalError(_NO_TLS, "SSL is required but the server doesn't support it")
