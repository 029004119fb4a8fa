"""What an instance of Amazon's says of itself, where a stock MySQL server says something else, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql.sql import literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class MysqlFace:
    """Names, in lower case, and the SQL expressions that stand for them.

    `variables` are system variables, `switches` those that are on or off, `functions` are called without
    arguments. `tables` are full names, such as "information_schema.replica_host_status", and those of the
    tables that exist. `token_users` is how the server knows users of IAM; empty where there are none.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    switches: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    token_users: str = ""

    @classmethod
    def aurora(cls, instance: str, version: str, status_table: str, **variables: str) -> MysqlFace:
        """Return an Aurora instance; `status_table` is where its view of the cluster really is.

        More `variables` are given as plain values, for instance `hostname="ip-10-0-0-1"`.
        """
        texts = {"aurora_server_id": instance, "aurora_version": version, **variables}
        return cls(
            variables=_values(texts),
            switches={"innodb_read_only": "@@global.read_only"},
            functions={"aurora_version": _value(version)},
            tables={"information_schema.replica_host_status": status_table},
        )

    @classmethod
    def rds(cls, **variables: str) -> MysqlFace:
        """Return an instance of RDS, alone or in a Multi-AZ DB cluster."""
        return cls(variables=_values({"version_comment": "Source distribution", **variables}))

    @classmethod
    def stock(cls, **variables: str) -> MysqlFace:
        """Return a server that is nobody's but the user's."""
        return cls(variables=_values(variables))


def _value(text: str) -> str:
    """Return an expression for a text; a whole number stays a number."""
    return text if text.isdecimal() else literal(text)


def _values(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: _value(text) for name, text in texts.items()}
