"""The rotation of a database user's secret, in the four steps that Secrets Manager has its function do."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Protocol

from aws_advanced_python_wrapper.local.errors import LocalClusterError

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.aws.store import SecretStore


class Database(Protocol):
    """What rotation does in the database."""

    def set_password(self, user: str, password: str) -> None:
        """Change a user's password."""

    def log_in(self, user: str, password: str) -> None:
        """Log in, ask something, and leave; raises what the driver does."""


class Rotation:
    """One rotation of one secret; it can rest after any step."""

    steps = ("createSecret", "setSecret", "testSecret", "finishSecret")

    def __init__(self, secret: str, store: SecretStore, database: Database) -> None:
        self._secret = secret
        self._store = store
        self._database = database
        self._ahead = list(self.steps)
        self._value: dict[str, Any] = {}
        self._version = ""

    @property
    def finished(self) -> bool:
        """Whether there is no step left."""
        return not self._ahead

    def advance(self, last: str) -> None:
        """Do the steps that are left, up to `last`."""
        if last not in self._ahead:
            raise LocalClusterError(f"pause_after={last!r}: the steps left are {', '.join(self._ahead)}")
        while last in self._ahead:
            self._do(self._ahead[0])
            del self._ahead[0]

    def _do(self, step: str) -> None:
        if step == "createSecret":
            self._value = {**self._store.value(self._secret), "password": secrets.token_hex(12)}
            self._version = self._store.put_pending(self._secret, self._value)
        elif step == "setSecret":
            self._database.set_password(self._value["username"], self._value["password"])
        elif step == "testSecret":
            self._database.log_in(self._value["username"], self._value["password"])
        else:
            self._store.make_current(self._secret, self._version)
