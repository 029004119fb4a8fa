"""What statements have set on a MySQL session, noted as they go by: the server can be lost when it is wanted."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_ONLY = "transaction_read_only"
ISOLATION = "transaction_isolation"

_VARIABLES = frozenset({READ_ONLY, ISOLATION, "time_zone", "sql_mode"})
_OF_TRANSACTIONS = frozenset({READ_ONLY, ISOLATION})

LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")

# Characteristic -> variable and value (MySQL reference manual, "SET TRANSACTION Statement").
_CHARACTERISTICS = {
    "READ ONLY": (READ_ONLY, "1"),
    "READ WRITE": (READ_ONLY, "0"),
    **{f"ISOLATION LEVEL {level}": (ISOLATION, f"'{level.replace(' ', '-')}'") for level in LEVELS},
}

# How statements that may tell something begin, as the drivers have them: letters, or the numbers of bytes.
_FIRST = frozenset("suSU") | frozenset(b"suSU")
_THIRD = frozenset("teTE") | frozenset(b"teTE")
_BEFORE = frozenset(" \t\r\n/-#") | frozenset(b" \t\r\n/-#")  # blanks and comments

_DEFAULT = "DEFAULT"

_SHORTEST = len("USE a")
_LONGEST = 2000  # characters; such a statement tells nothing, and takes long to read

_COMMENTS_BEFORE = re.compile(r"(?:\s|/\*(?!!).*?\*/|--\s[^\n]*|#[^\n]*)*", re.DOTALL)
_COMMENT_TO_END = re.compile(r"#|--(?:\s|$)")
_HAS_COMMENT = re.compile(r"[#/]|--")
_END = " \t\r\n;"

_USE = re.compile(r"USE\s+(?:`((?:[^`]|``)+)`|([^\s`;]+))", re.IGNORECASE)
_SET_TRANSACTION = re.compile(r"SET\s+(?:SESSION|LOCAL)\s+TRANSACTION\s+(.+)", re.IGNORECASE | re.DOTALL)

# Values are taken only where they are literals that mean the same in every SQL mode.
_ASSIGNMENT = (
    r"(?:(?P<scope{0}>(?:@@)?(?:SESSION|LOCAL)\s*\.|(?:SESSION|LOCAL)\s|@@)\s*)?"
    r"""`?(?P<name{0}>\w+)`?\s*:?=\s*(?P<value{0}>'[^'"\\]*'|"[^'"\\]*"|[\w.+-]+)"""
)
_SET = re.compile(
    rf"SET\s+{_ASSIGNMENT.format('_of_first')}(?:\s*,\s*{_ASSIGNMENT.format('_of_others')})*", re.IGNORECASE
)
_EACH = re.compile(_ASSIGNMENT.format(""), re.IGNORECASE)

# What is set in a way that is not understood: to a value that only the server knows, for example.
_SOMEHOW_SET = re.compile(
    r"(?:^SET|,)\s*((?:@@)?(?:SESSION|LOCAL)(?:\s*\.\s*|\s+)|@@\s*)?`?(" + "|".join(sorted(_VARIABLES)) + r")`?\s*:?=",
    re.IGNORECASE,
)


def may_tell(statement: str | bytes | bytearray) -> bool:
    """Tell quickly whether a statement may be worth reading: that of most is not."""
    if len(statement) < _SHORTEST:
        return False
    first: Any = statement[0]
    if first in _BEFORE or (statement[2] in _THIRD and first in _FIRST):
        return len(statement) <= _LONGEST
    return False


class SessionNotes(NamedTuple):
    """Which database is in use, and the values, as SQL text, of those variables that were set.

    `user` is whom the session has been given to since it began.
    """

    database: str | None = None
    variables: Mapping[str, str] = MappingProxyType({})
    user: str | None = None

    def after(self, statement: str) -> SessionNotes:
        """Return the notes for a session on which this statement has succeeded."""
        text = _without_comments(statement)
        if used := _USE.fullmatch(text):
            quoted, plain = used.groups()
            return self._replace(database=quoted.replace("``", "`") if quoted else plain)
        values = {**self.variables, **_changes(text)}
        variables = {name: value for name, value in values.items() if value.upper() != _DEFAULT}
        return self if variables == self.variables else self._replace(variables=variables)

    @property
    def isolation_level(self) -> str | None:
        """The level that was set, in words with spaces."""
        value = self.variables.get(ISOLATION)
        return value and value.strip("'").replace("-", " ").upper()

    @property
    def read_only(self) -> bool | None:
        """What was set."""
        value = self.variables.get(READ_ONLY)
        return None if value is None else value.strip("'").upper() in {"1", "ON", "TRUE"}

    def changes_to(self, wanted: SessionNotes) -> dict[str, str]:
        """Return the values that lead from these variables to others."""
        names = sorted({*self.variables, *wanted.variables})
        return {
            name: wanted.variables.get(name, _DEFAULT)
            for name in names
            if self.variables.get(name) != wanted.variables.get(name)
        }


def _without_comments(statement: str) -> str:
    """Return a statement without the comments before and behind it; nothing of one that tells nothing."""
    begin = _COMMENTS_BEFORE.match(statement)
    text = statement[begin.end() if begin else 0 :].rstrip(_END)
    if text[:3].upper() not in ("SET", "USE"):
        return ""
    if not _HAS_COMMENT.search(text):
        return text
    text = _without_last(text)
    beyond_quotes = max(text.rfind(sign) for sign in "'\"`\n") + 1
    if comment := _COMMENT_TO_END.search(text, beyond_quotes):
        text = _without_last(text[: comment.start()])
    return text


def _without_last(text: str) -> str:
    text = text.rstrip(_END)
    while text.endswith("*/") and (begin := text.rfind("/*")) >= 0:
        text = text[:begin].rstrip(_END)
    return text


def _changes(text: str) -> dict[str, str]:
    if found := _SET_TRANSACTION.fullmatch(text):
        return _characteristics(found[1])
    return _assignments(text) if _SET.fullmatch(text) else _not_understood(text)


def _characteristics(text: str) -> dict[str, str]:
    words = [" ".join(part.upper().split()) for part in text.split(",")]
    known = dict(_CHARACTERISTICS[each] for each in words if each in _CHARACTERISTICS)
    return known if len(known) == len(words) else {**dict.fromkeys(_OF_TRANSACTIONS, _DEFAULT), **known}


def _not_understood(text: str) -> dict[str, str]:
    """Forget what was set before: it is something else now, and nobody here knows what."""
    if text[:3].upper() != "SET":
        return {}
    words = {*re.findall(r"\w+", text.upper())}
    if "TRANSACTION" in words and words & {"SESSION", "LOCAL"}:
        return dict.fromkeys(_OF_TRANSACTIONS, _DEFAULT)
    somehow = ((scope, name.lower()) for scope, name in _SOMEHOW_SET.findall(text))
    return {name: _DEFAULT for scope, name in somehow if scope.strip() != "@@" or name not in _OF_TRANSACTIONS}


def _assignments(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in _EACH.finditer(text, len("SET")):
        name, value = each["name"].lower(), each["value"]
        # With nothing but the signs before its name, a transaction's variable is set for the next transaction only.
        for_one_transaction = each["scope"] == "@@" and name in _OF_TRANSACTIONS
        if name in _VARIABLES and not for_one_transaction:
            found[name] = f"'{value[1:-1]}'" if value[0] == '"' else value
    return found
