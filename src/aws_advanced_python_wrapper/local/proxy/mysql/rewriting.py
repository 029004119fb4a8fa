"""Queries that only Amazon's servers answer, put so that a stock MySQL server answers them as those would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql import accounts
from aws_advanced_python_wrapper.local.proxy.mysql.sql import (
    Token,
    defines_program,
    has_alias,
    select_items,
    tokens,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_advanced_python_wrapper.local.proxy.mysql.face import MysqlFace

_LONGEST_ALIAS = 256
# There is only one way in which each of its parts can match, so that nothing takes long that does not.
_GAP = rb"(?: \s | /\*(?:[^*]|\*(?!/))*\*/ | (?:\#|--(?=\s|\Z))[^\n]*(?:\n|\Z) )"
_SHOW_VARIABLES = re.compile(
    rb"""GAP* SHOW GAP+ (?: (?P<scope> GLOBAL | SESSION | LOCAL ) GAP+ )? VARIABLES
    (?: GAP+ WHERE \b (?P<where> .+ )
      | (?: GAP+ LIKE GAP* (?P<like> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" ) )? GAP* (?: ; GAP* )?
    ) \Z""".replace(b"GAP", _GAP),
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


class Rewriter:
    """Puts what a face says in the place of the names that ask for it; everything else stays as it is.

    Names in strings and comments are none. Where an expression is selected under its own text, it keeps that
    as the name of its column. Procedures, functions, triggers, events and views cannot ask: what is put in would be
    stored with them, and go to the other instances.
    """

    def __init__(self, face: MysqlFace) -> None:
        values = {**face.variables, **face.switches}
        self._variables = {name.encode(): value.encode() for name, value in values.items()}
        self._functions = {name.encode(): value.encode() for name, value in face.functions.items()}
        self._tables = {
            tuple(name.encode().split(b".")): tuple(real.encode().split(b".")) for name, real in face.tables.items()
        }
        shown = {**face.variables, **{name: f"IF({value}, 'ON', 'OFF')" for name, value in face.switches.items()}}
        self._shown = {name.encode(): value.encode() for name, value in shown.items()}
        self._token_users = face.token_users.encode()
        self._asks = _any(rb"@@ (?: \w+ \s* \. \s* )? `?", self._variables, rb"\b")
        self._asks_otherwise = _any(rb"\b", [*self._functions, *(table for _, table in self._tables)], rb"\b")

    def __call__(self, sql: bytes) -> bytes:
        """Return the statement as a stock server understands it."""
        if self._token_users:
            sql = accounts.put(sql, self._token_users)
        if (show := _SHOW_VARIABLES.match(sql)) is not None:
            return self._show_variables(sql, show)
        if not (self._asks.search(sql) or self._asks_otherwise.search(sql)):
            return sql
        statement = tokens(sql)
        if defines_program(statement):
            return sql
        words = self._replaced(statement)
        for item in select_items(statement):
            _keep_name(statement, words, item)
        return b"".join(words)

    def _replaced(self, statement: Sequence[Token]) -> list[bytes]:
        words = [token.text for token in statement]
        places = [at for at, token in enumerate(statement) if token.kind != "space"]
        for number, here in enumerate(places):
            if statement[here].kind == "variable":
                words[here] = self._variables.get(statement[here].identifier, words[here])
            elif statement[here].kind == "name" and (number == 0 or statement[places[number - 1]].word != b"."):
                self._replace_name(statement, words, places[number : number + 3])
        return words

    def _replace_name(self, statement: Sequence[Token], words: list[bytes], places: Sequence[int]) -> None:
        """Replace the name of a function or table that begins at the first of up to three places."""
        if len(places) < 3:
            return
        first, second, third = places
        name, marks = statement[first].identifier, (statement[second].word, statement[third].word)
        if marks == (b"(", b")") and name in self._functions:
            words[first], words[second], words[third] = self._functions[name], b"", b""
        elif marks[0] == b"." and (table := (name, statement[third].identifier)) in self._tables:
            words[first], words[third] = self._tables[table]

    def _show_variables(self, sql: bytes, show: re.Match[bytes]) -> bytes:
        like, where = show["like"], show["where"] and _without_end(show["where"])
        if like is not None and not any(_pattern(like).fullmatch(name) for name in self._shown):
            return sql
        scope = b"global" if (show["scope"] or b"").lower() == b"global" else b"session"
        ours = b" UNION ALL ".join(b"SELECT '%s', %s" % row for row in self._shown.items())
        condition = b" WHERE Variable_name LIKE " + like if like else b" WHERE (" + where + b")" if where else b""
        return (
            b"SELECT Variable_name, Value FROM (SELECT VARIABLE_NAME AS Variable_name, VARIABLE_VALUE AS Value"
            b" FROM performance_schema."
            + scope
            + b"_variables WHERE VARIABLE_NAME NOT IN ("
            + b", ".join(b"'%s'" % name for name in self._shown)
            + b") UNION ALL "
            + ours
            + b") AS variables"
            + condition
            + b" ORDER BY Variable_name"
        )


def _any(before: bytes, names: Iterable[bytes], after: bytes) -> re.Pattern[bytes]:
    one = b"|".join(re.escape(name) for name in names) or b"(?!)"
    return re.compile(before + b"(?:" + one + b")" + after, re.IGNORECASE | re.VERBOSE)


def _without_end(sql: bytes) -> bytes:
    """Return a piece of SQL without the semicolon, space and comments at its end."""
    pieces = tokens(sql)
    while pieces and (pieces[-1].kind == "space" or pieces[-1].text == b";"):
        pieces.pop()
    return b"".join(piece.text for piece in pieces).strip()


def _keep_name(statement: Sequence[Token], words: list[bytes], item: range) -> None:
    """Give a selected expression that has changed its old text for a name, unless it has one."""
    pieces = statement[item.start : item.stop]
    name = b"".join(piece.text for piece in pieces)
    if name == b"".join(words[item.start : item.stop]) or has_alias(pieces) or len(name) > _LONGEST_ALIAS:
        return
    words[item.stop - 1] += b" AS `" + name.replace(b"`", b"``") + b"`"


def _pattern(like: bytes) -> re.Pattern[bytes]:
    """Return the regular expression for the pattern of a LIKE, which is given in quotes."""
    wild = {b"%": b".*", b"_": b"."}
    parts = re.findall(rb"\\.|.", like[1:-1], re.DOTALL)
    return re.compile(b"".join(wild.get(part, re.escape(part[-1:])) for part in parts), re.IGNORECASE | re.DOTALL)
