"""How the value of a connection parameter is read, be it text from a connection string or a typed keyword."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})

# "_key" takes in libpq's scram_client_key and scram_server_key, which are as good as the password.
_SECRET_ENDINGS = ("password", "passwd", "pwd", "passfile", "secret", "token", "_key")


def suggest(name: str, candidates: Iterable[str]) -> str:
    """Return "did you mean 'x'?" with the candidate nearest to ``name``, "" when none is near."""
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in candidates}
    nearest = difflib.get_close_matches(name.lower().replace("-", "_"), folded, n=1)
    return f"did you mean '{folded[nearest[0]]}'?" if nearest else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> AwsWrapperError:
    """Return the error for a name that stands for nothing, with the nearest name and all others."""
    candidates = sorted(known)
    nearest = suggest(name, candidates)
    ending = f", {nearest}" if nearest else "."
    others = f"There are: {', '.join(candidates)}." if candidates else "There are none."
    return AwsWrapperError(f"No {kind} is called '{name}'{ending} {others}")


@dataclass(frozen=True, slots=True)
class Converter(Generic[T_co]):
    """``read`` returns the wanted type or raises ValueError; ``accepts`` says in words what it takes."""

    accepts: str
    read: Callable[[Any], T_co]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError


def _truth(value: Any) -> bool:
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError


def _number(value: Any) -> float:
    takes = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    number = float(value) if takes else math.nan
    if not math.isfinite(number):
        raise ValueError
    return number


def _whole_number(value: Any) -> int:
    if isinstance(value, str):
        return int(value)
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _words(value: Any) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise ValueError
    return tuple(item.strip() for item in items if item.strip())


def _plugins(value: Any) -> tuple[Any, ...]:
    if isinstance(value, (list, tuple)) and not all(isinstance(item, str) for item in value):
        return tuple(value)
    return _words(value)


def _weights(value: Any) -> Mapping[str, int]:
    if not isinstance(value, (str, dict, MappingProxyType)):
        raise ValueError  # noqa: TRY004 - one kind of error for every value refused
    pairs = [pair.rpartition(":")[::2] for pair in _words(value)] if isinstance(value, str) else value.items()
    weights = {_text(host).strip(): _whole_number(weight) for host, weight in pairs}
    if "" in weights or min(weights.values(), default=1) < 1:
        raise ValueError
    return MappingProxyType(weights)


def _refused(_value: Any) -> Any:
    raise ValueError


TEXT = Converter("text", _text)
KEYWORD_ONLY: Converter[Any] = Converter("an object, as a keyword argument", _refused)
TRUTH = Converter("true or false (also yes, no, on, off, 1, 0)", _truth)
NUMBER = Converter("a number", _number)
WHOLE_NUMBER = Converter("a whole number", _whole_number)
PLUGIN_LIST = Converter("plugin codes separated by commas, or a list of codes and plugin classes", _plugins)
WEIGHTS = Converter("host:weight pairs separated by commas, weights being whole numbers from 1", _weights)


def choice(*names: str) -> Converter[str]:
    """Take one of ``names``, in lower case with underscores, in any case and with dashes for underscores."""

    def read(value: Any) -> str:
        name = _text(value).strip().lower().replace("-", "_")
        if name not in names:
            raise ValueError
        return name

    return Converter(f"one of {', '.join(names)}", read)


def optional(converter: Converter[T]) -> Converter[T | None]:
    """Give a converter the type that its parameter needs to have None for its default."""
    return Converter(converter.accepts, converter.read)


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """One connection parameter, declared once.

    ``minimum`` and ``maximum`` are allowed values themselves, ``above`` is not; ``unit`` is that of the value
    and the bounds. ``area`` is the part of the driver that obeys the parameter.
    """

    name: str
    converter: Converter[T]
    default: T
    area: str
    doc: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None

    @property
    def accepts(self) -> str:
        """What may be given, in words, with unit and bounds."""
        bounds = {"from": self.minimum, "above": self.above, "up to": self.maximum}
        limits = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        return " ".join([self.converter.accepts, *([f"of {self.unit}"] if self.unit else []), *limits])

    def read(self, value: Any, name: str | None = None) -> T:
        """Return ``value`` converted; ``name`` is how the user wrote the parameter's name.

        Raises `AwsWrapperError` that tells the parameter, the value given and what is accepted.
        """
        try:
            converted = self.converter.read(value)
        except (ValueError, OverflowError):
            raise self._refusal(value, name) from None
        if isinstance(converted, (int, float)) and not self._within_bounds(converted):
            raise self._refusal(value, name)
        return converted

    def _within_bounds(self, number: float) -> bool:
        return (
            (self.minimum is None or number >= self.minimum)
            and (self.above is None or number > self.above)
            and (self.maximum is None or number <= self.maximum)
        )

    def _refusal(self, value: Any, name: str | None) -> AwsWrapperError:
        written = name or self.name
        what = "this value" if is_secret(written) else shown(value)
        return AwsWrapperError(f"Parameter {written}: {what} is not accepted, give {self.accepts}.")


def shown(value: Any) -> str:
    """Return a value that is refused as an error may show it: in a URL somebody's password may stand before an @."""
    text = repr(value)
    return "this value" if "@" in text else text


def is_secret(name: str) -> bool:
    """Whether the value of the parameter ``name`` must never be shown."""
    return name.lower().rstrip("0123456789").endswith(_SECRET_ENDINGS)  # password2: a second factor
