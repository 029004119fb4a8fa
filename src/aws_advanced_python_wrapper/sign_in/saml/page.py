"""What counts on a page of an identity provider: its forms, and what it tells the user."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

SAML_RESPONSE = "SAMLResponse"

_UNSEEN = frozenset({"script", "style", "template"})
_ERROR_ID = "errorText"


@dataclass(frozen=True, slots=True, repr=False)
class Field:
    """One input of a form."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """A form with its inputs in order; `action` is as it stands on the page, `method` in lower case."""

    action: str
    method: str
    fields: tuple[Field, ...]

    def value(self, name: str) -> str | None:
        """Return the value of the first input of this name; None without one."""
        return next((field.value for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """A page; of its text, what a browser shows."""

    forms: tuple[Form, ...]
    text: str
    error: str
    """What stands in its place for errors."""

    def value(self, name: str) -> str | None:
        """Return the first value that an input of this name has in a form; None without one."""
        return next((value for form in self.forms if (value := form.value(name))), None)


def read(html: str) -> Page:
    """Read a page, well-formed or not."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self._forms: list[tuple[str, str, list[Field]]] = []
        self._in_form = False
        self._unseen = ""
        self._error_tag = ""
        self._text: list[str] = []
        self._error: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._forms.append((given.get("action", ""), given.get("method", "get").lower(), []))
            self._in_form = True
        elif tag == "input" and self._in_form and given.get("name"):
            field = Field(given["name"], given.get("type", "text").lower(), given.get("value", ""))
            self._forms[-1][2].append(field)
        elif tag in _UNSEEN:
            self._unseen = tag
        if given.get("id") == _ERROR_ID:
            self._error_tag = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        if tag == self._unseen:
            self._unseen = ""
        if tag == self._error_tag:
            self._error_tag = ""

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self._text.append(data)
        if self._error_tag:
            self._error.append(data)

    def page(self) -> Page:
        forms = tuple(Form(action, method, tuple(fields)) for action, method, fields in self._forms)
        return Page(forms, _words(self._text), _words(self._error))


def _words(pieces: list[str]) -> str:
    return " ".join(" ".join(pieces).split())
