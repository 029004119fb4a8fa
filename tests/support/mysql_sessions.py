"""A MySQL server that answers whatever it is sent, and knows of its sessions whether each statement is committed."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from support.mysql_server import Client, MysqlServer

AUTOCOMMIT = 2
QUIT, QUERY, PREPARE, CLOSE_STATEMENT, RESET = 0x01, 0x03, 0x16, 0x19, 0x1F


@dataclass
class MysqlSessions(MysqlServer):
    """Answers "OK" to every statement.

    `statements` is what it was sent, `farewells` how many clients have said theirs. The connection is dropped before
    the answer to a statement that has `drops` in it.
    """

    drops: str = "no statement has this"
    statements: list[str] = field(default_factory=list)
    farewells: int = 0

    def answer_pings(self, client: Client) -> None:
        flags = AUTOCOMMIT
        while (heard := client.hear())[0] != QUIT:
            if heard[0] == QUERY:
                text = heard[1:].decode()
                self.statements.append(text)
                if self.drops in text:
                    return
                flags = flags_after(text, flags)
            elif heard[0] == RESET:
                flags = AUTOCOMMIT
            if heard[0] == PREPARE:
                client.say(b"\0" + struct.pack("<IHHBH", 1, 0, 0, 0, 0))
            elif heard[0] != CLOSE_STATEMENT:
                client.say(b"\0\0\0" + struct.pack("<HH", flags, 0))
        self.farewells += 1


def flags_after(statement: str, flags: int) -> int:
    name, _, value = statement.upper().removeprefix("SET ").partition("=")
    if name.strip().removeprefix("SESSION ").removeprefix("@@SESSION.") != "AUTOCOMMIT":
        return flags
    return AUTOCOMMIT if value.strip().strip("'") in {"1", "ON", "TRUE"} else 0
