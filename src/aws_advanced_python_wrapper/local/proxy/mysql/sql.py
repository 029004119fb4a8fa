"""SQL in tokens, the items of its select lists, and texts in quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TOKEN = re.compile(
    rb"""
      (?P<space> \s+ | \#[^\n]* | --(?=\s|\Z)[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<text> '(?:[^'\\]|\\.|'')*(?:'|\Z) | "(?:[^"\\]|\\.|"")*(?:"|\Z) )
    | (?P<variable> @@ (?:(?:global|session|local|persist|persist_only)\s*\.\s*)? (?:`\w+`|\w+) )
    | (?P<name> `(?:[^`]|``)*` | [\w$\x80-\xff]+ )
    | (?P<mark> . )
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
# Words between SELECT and its first item, after its last item, and within one where no alias can be.
_MODIFIERS = frozenset(
    b"all distinct distinctrow high_priority straight_join sql_small_result sql_big_result sql_buffer_result"
    b" sql_no_cache sql_calc_found_rows".split()
)
_AFTER = frozenset(b"from into where group having window order limit union intersect except for lock on ;".split())
_OPERATORS = frozenset(
    b"and or xor not like is in between regexp rlike div mod binary collate escape case when then else sounds"
    b" interval select".split()
)
_NO_ALIASES = frozenset(b"end null true false unknown".split())
_PROGRAMS = frozenset(b"procedure function trigger event view".split())
_OTHER_OBJECTS = frozenset(b"table index database schema user role server tablespace".split())


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL; `word` is its text in lower case, but for names in backticks, which are no keywords."""

    kind: str
    text: bytes
    word: bytes

    @property
    def identifier(self) -> bytes:
        """What it names, if it names something: in lower case, without backticks and scope."""
        word = self.text[2:].rpartition(b".")[2] if self.kind == "variable" else self.text
        return word.strip(b" \t\r\n`").lower()

    @property
    def ends_operand(self) -> bool:
        """Whether an alias may follow."""
        if self.kind == "name":
            return self.word not in _OPERATORS
        return self.kind in ("text", "variable") or self.word == b")"


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def tokens(sql: bytes) -> list[Token]:
    """Return the pieces of a statement, which together are its text."""
    return [_token(match) for match in _TOKEN.finditer(sql)]


def select_items(statement: Sequence[Token]) -> Iterator[range]:
    """Return the places of each expression that is selected, in subqueries too, without space around it."""
    begun: list[int | None] = [None]  # by parentheses that are open: where the item of a select list began
    for at, token in enumerate(statement):
        word, start = token.word, begun[-1]
        if word == b"(":
            begun.append(None)
        elif word == b"select" or (word in _MODIFIERS and _is_space(statement, start, at)):
            begun[-1] = at + 1
        elif start is not None and (word in _AFTER or word in (b",", b")")):
            yield _trimmed(statement, start, at)
            begun[-1] = at + 1 if word == b"," else None
        if word == b")" and len(begun) > 1:
            begun.pop()
    if (start := begun[-1]) is not None:
        yield _trimmed(statement, start, len(statement))


def defines_program(statement: Sequence[Token]) -> bool:
    """Whether a statement stores SQL, to be run later and at other instances too."""
    words = [token.word for token in statement if token.kind == "name"]
    if words[:1] not in ([b"create"], [b"alter"]):
        return False
    return next((word for word in words if word in _PROGRAMS | _OTHER_OBJECTS), b"") in _PROGRAMS


def has_alias(item: Sequence[Token]) -> bool:
    """Whether a selected expression has been given a name."""
    words = [token for token in item if token.kind != "space"]
    if len(words) < 2:
        return False
    before, last = words[-2:]
    if before.word == b"as":
        return True
    return before.ends_operand and last.kind in ("text", "name") and last.word not in _NO_ALIASES


def _token(match: re.Match[bytes]) -> Token:
    text = match[0]
    return Token(match.lastgroup or "mark", text, text if text.startswith(b"`") else text.lower())


def _is_space(statement: Sequence[Token], start: int | None, end: int) -> bool:
    return start is not None and all(token.kind == "space" for token in statement[start:end])


def _trimmed(statement: Sequence[Token], start: int, end: int) -> range:
    while start < end and statement[start].kind == "space":
        start += 1
    while start < end and statement[end - 1].kind == "space":
        end -= 1
    return range(start, end)
