"""MySQL Connector/Python logs at DEBUG what it tells servers when it logs in, which may be a password or token."""

from __future__ import annotations

import logging

_LOGGERS = ("mysql.connector", "mysql.connector.aio")
_TELLING = ("# request: ", "Protocol::HandshakeResponse packet: ")


def keep_secrets_out_of_logs() -> None:
    """Have the connector's loggers leave that out, from now on."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_without_secret)  # which adds the same function once only


def _without_secret(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple) and record.args and str(record.msg).startswith(_TELLING):
        record.args = ("***", *record.args[1:])
    return True
