"""Connection strings: libpq's ``key=value`` form and its URLs, read into a plain dictionary.

The grammar is that of https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING,
for MySQL too, except that one endpoint only may be given. Errors tell the position and never the text: any part of a
malformed string may be a piece of a password.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Mapping

_POSTGRESQL = "postgresql"
_ENGINES = {"postgresql://": _POSTGRESQL, "postgres://": _POSTGRESQL, "mysql://": "mysql"}
_SPACES = re.compile(r"[ \t\n\v\f\r]*")
_NAME = re.compile(r"[^= \t\n\v\f\r]*")
_BARE = re.compile(r"(?:[^\\ \t\n\v\f\r]|\\.?)*", re.DOTALL)
_QUOTED = re.compile(r"(?:[^\\']|\\.?)*", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ANY_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PERCENT = re.compile(r"%(?P<code>[0-9a-fA-F]{2})?")


def parse(conninfo: str | None) -> dict[str, str]:
    """Return the parameters written in ``conninfo``; of a name given twice the last value counts. None says nothing.

    Raises `AwsWrapperError` where the string is malformed or names more than one endpoint.
    """
    found = _reader(conninfo).read()
    refuse_several_endpoints(found)
    return found


def engine_of(conninfo: str | None) -> str | None:
    """Return the database that a URL is for, "postgresql" or "mysql"; None for what is no URL, or that of another."""
    return next((engine for scheme, engine in _ENGINES.items() if (conninfo or "").startswith(scheme)), None)


def unknown_name(conninfo: str | None, name: str, suggestion: str) -> AwsWrapperError:
    """Return the error for a name in ``conninfo`` that nobody takes: where it stands, what may have been meant.

    The name itself is not told: it may be what follows a space, or an ``&``, in a password.
    """
    reader = _reader(conninfo)
    reader.read()
    ending = f", {suggestion}" if suggestion else "."
    return AwsWrapperError(
        f"Connection string, position {reader.names[name] + 1}: unknown connection parameter ({reader.hint}){ending}"
    )


def _reader(conninfo: Any) -> _Pairs | _Url:
    if conninfo is None:
        return _Pairs("")
    if not isinstance(conninfo, str):
        raise AwsWrapperError(
            f"conninfo has to be text, host=... or a URL, not of type {type(conninfo).__name__}. "
            "Give single parameters as keywords."
        )
    if engine_of(conninfo) is not None:
        return _Url(conninfo)
    if _ANY_URL.match(conninfo):
        raise AwsWrapperError(
            f"Connection string: a URL has to begin with {' or '.join(_ENGINES)}, without the name of a driver."
        )
    return _Pairs(conninfo)


def refuse_several_endpoints(parameters: Mapping[str, Any]) -> None:
    """Raise `AwsWrapperError` when ``host``, ``hostaddr`` or ``port`` is a list separated by commas."""
    for name in ("host", "hostaddr", "port"):
        value = parameters.get(name)
        if isinstance(value, str) and "," in value:
            raise AwsWrapperError(
                f"{name}= names several endpoints. Give one, best the cluster endpoint: "
                "the driver learns the other hosts from the cluster itself."
            )


class _Text:
    """A string being read from left to right; ``names`` tells where each written name begins."""

    def __init__(self, text: str, start: int = 0) -> None:
        self.text = text
        self.at = start
        self.names: dict[str, int] = {}

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take_all(self, wanted: re.Pattern[str]) -> str:
        found = wanted.match(self.text, self.at)
        taken = found.group() if found else ""
        self.at += len(taken)
        return taken

    def take_until(self, stops: str) -> str:
        return self.take_all(re.compile(f"[^{re.escape(stops)}]*"))

    def take(self, wanted: str) -> bool:
        taken = self.peek() == wanted
        self.at += taken
        return taken

    def fail(self, expected: str, at: int | None = None) -> NoReturn:
        position = (self.at if at is None else at) + 1
        raise AwsWrapperError(f"Connection string, position {position}: expected {expected}.")


class _Pairs(_Text):
    """``host=db port=5432 password='it\\'s secret'``."""

    hint = "a value with spaces in it has to stand in single quotes"

    def read(self) -> dict[str, str]:
        found = {}
        self.take_all(_SPACES)
        while self.peek():
            name = self._name()
            found[name] = self._quoted() if self.take("'") else self._bare()
            self.take_all(_SPACES)
        return found

    def _name(self) -> str:
        start = self.at
        name = self.take_all(_NAME)
        self.take_all(_SPACES)
        if not name:
            self.fail("the name of a parameter before '='")
        if not self.take("="):
            self.fail(f"'=' after the word that begins at position {start + 1} ({self.hint})")
        self.take_all(_SPACES)
        self.names.setdefault(name, start)
        return name

    def _bare(self) -> str:
        return _unescaped(self.take_all(_BARE))

    def _quoted(self) -> str:
        opened = self.at
        value = self.take_all(_QUOTED)
        if not self.take("'"):
            self.fail(f"a single quote that closes the one at position {opened}")
        return _unescaped(value)


def _unescaped(value: str) -> str:
    """Take the backslashes away: the next character loses its meaning, one at the very end stands for nothing."""
    return _ESCAPE.sub(r"\1", value)


class _Url(_Text):
    """``postgresql://user:password@host:port/dbname?name=value&...``, every part percent-encoded."""

    hint = "write %26 for an '&' in a value"

    def __init__(self, text: str) -> None:
        super().__init__(text, text.index("://") + 3)
        self._is_libpqs = engine_of(text) == _POSTGRESQL

    def read(self) -> dict[str, str]:
        parts = {**self._user(), **self._host(), **self._database()}
        return {name: value for name, value in parts.items() if value} | self._query()

    def _user(self) -> dict[str, str]:
        authority = re.match("[^@/]*@", self.text[self.at :])
        if authority is None:
            return {}
        user = self._decoded(":@")
        password = self._decoded("@") if self.take(":") else ""
        self.take("@")
        return {"user": user, "password": password}

    def _host(self) -> dict[str, str]:
        start = self.at
        host = self._bracketed() if self.take("[") else self._decoded(":/?")
        if "@" in host:
            self.fail("one '@' only before the host (write %40 for an '@' in a password)", start)
        port_at = self.at + 1
        port = self._decoded("/?") if self.take(":") else ""
        if port and "," not in host + port and not (port.isascii() and port.isdigit()):
            self.fail("a port number (write %3A, %2F, %3F for ':', '/', '?' in a password)", port_at)
        return {"host": host, "port": port}

    def _bracketed(self) -> str:
        opened = self.at - 1
        host = self.take_until("]")
        if not host or not self.take("]"):
            self.fail("an IPv6 address and ']' after this '['", opened)
        if self.peek() not in ("", ":", "/", "?", ","):
            self.fail("':', '/', '?' or the end after ']'")
        return host + self.take_until(":/?")

    def _database(self) -> dict[str, str]:
        return {"dbname": self._decoded("?")} if self.take("/") else {}

    def _query(self) -> dict[str, str]:
        found = {}
        self.take("?")
        while self.peek():
            start = self.at
            name = self._decoded("=&")
            if not name or not self.take("="):
                self.fail("name=value")
            value = self._decoded("=&")
            if self.peek() == "=":
                self.fail("'&' or the end (write %3D for '=' in a value)")
            self.take("&")
            # "ssl=true" is how JDBC URLs spell it; libpq takes it too.
            if self._is_libpqs and (name, value) == ("ssl", "true"):
                name, value = "sslmode", "require"
            found[name] = value
            self.names.setdefault(name, start)
        return found

    def _decoded(self, stops: str) -> str:
        start = self.at
        raw = self.take_until(stops)
        for escape in _PERCENT.finditer(raw):
            if escape["code"] in (None, "00"):
                self.fail("two hexadecimal digits other than 00 after '%' (write %25 for '%')", start + escape.start())
        try:
            return unquote(raw, errors="strict")
        except UnicodeDecodeError:
            self.fail("percent-encoded UTF-8", start)
