"""The settings of one connection: what the user gave, validated and sorted by who needs it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from aws_advanced_python_wrapper.conninfo import refuse_several_endpoints, unknown_name
from aws_advanced_python_wrapper.converters import (
    WHOLE_NUMBER,
    Parameter,
    is_secret,
    suggest,
)
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.catalogue import ALIASES, OF_BACKGROUND, PARAMETERS, PURPOSES
from aws_advanced_python_wrapper.parameters.later import PARAMETERS_TO_COME, PURPOSES_TO_COME, switches_off
from aws_advanced_python_wrapper.parameters.network import CONNECT_TIMEOUT
from aws_advanced_python_wrapper.parameters.plugins import PLUGINS
from aws_advanced_python_wrapper.sources import NONE_IS_A_VALUE, Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")

_PORT: Parameter[int] = Parameter("port", WHOLE_NUMBER, 0, "driver", "TCP port.", minimum=1, maximum=65535)
_EVERY_DRIVER = frozenset({"host", "port", "user", "password"})
_DATABASE = ("dbname", "database", "db")
_OTHER_SPELLINGS = MappingProxyType({"username": "user", "passwd": "password"})  # MySQL Connector/Python takes both
_NO_TYPES: Mapping[str, Parameter[Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Values for the driver itself, for the database driver, and for the connections that monitors open.

    ``settings[PARAMETER]`` is the value given or the parameter's default, in the parameter's type.
    """

    _own: Mapping[str, Any]
    _driver: Mapping[str, Any]
    _special: Mapping[str, Any]
    """What is for the connections of one purpose only, by names with their prefix."""

    @classmethod
    def from_arguments(
        cls,
        conninfo: str | None,
        arguments: Mapping[str, Any],
        driver_parameters: Collection[str],
        typed: Mapping[str, Parameter[Any]] = _NO_TYPES,
    ) -> Settings:
        """Merge a connection string with keywords, which win; a keyword of None counts as not given.

        Both win over the profile that they name, but not over its plugins. ``driver_parameters`` are the names the
        database driver takes, ``typed`` tells how text is read for those of which it takes no text. Raises
        `AwsWrapperError` for a name nobody takes, a value out of range, a malformed string, an unknown profile and more
        than one endpoint.
        """
        names = _Names(driver_parameters, typed)
        sources = Sources.of(conninfo, arguments)
        profile = names.canonical(sources.profile, _unknown_in_profile)
        written = names.canonical(sources.written, partial(unknown_name, conninfo))
        plugins = {name: value for name, value in profile.items() if name == PLUGINS.name}
        merged = profile | written | names.canonical(sources.keywords, _unknown_keyword) | plugins
        special = {name: value for name, value in merged.items() if name.startswith(PURPOSES)}
        own, driver = _sorted({name: value for name, value in merged.items() if name not in special})
        refuse_several_endpoints(driver)
        return cls(own, driver, special)

    def __getitem__(self, parameter: Parameter[T]) -> T:
        value: T = self._own.get(parameter.name, parameter.default)
        return value

    def for_monitoring(self, purpose: str, *, without: Collection[str], **defaults: Any) -> Settings:
        """Return the settings of the connections for a purpose, one of `PURPOSES`.

        What was given for them wins over the defaults here, and these over the user's own, of which the driver
        arguments `without` are left out.
        """
        given = {name.removeprefix(purpose): value for name, value in self._special.items() if name.startswith(purpose)}
        driver = {name: value for name, value in self._driver.items() if name not in without}
        own, meant = _sorted({**defaults, **given})
        return Settings({**self._own, **own}, {**driver, **meant}, {})

    def has_own(self, purpose: str, name: str) -> bool:
        """Tell whether a parameter was given for the connections of a purpose, one of `PURPOSES`."""
        return purpose + name in self._special

    @property
    def driver(self) -> dict[str, Any]:
        """The arguments for the database driver, in a new dictionary."""
        return dict(self._driver)

    def completed(self, found: Mapping[str, Any]) -> Settings:
        """Return these settings with arguments for the database driver that nobody gave and the driver found itself.

        Raises `AwsWrapperError` for a port out of range and more than one endpoint.
        """
        missing = {name: value for name, value in found.items() if name not in self._driver}
        driver = {**self._driver, **{name: _converted(name, value, name) for name, value in missing.items()}}
        refuse_several_endpoints(missing)
        return replace(self, _driver=driver)

    @property
    def host(self) -> str:
        """The one host; raises `AwsWrapperError` when there is none."""
        host = self._driver.get("host")
        if not isinstance(host, str) or not host:
            raise AwsWrapperError("No host to connect to: give host=, best the cluster endpoint (psycopg: or PGHOST).")
        return host

    @property
    def port(self) -> int | None:
        """The TCP port, None when none was given."""
        port: int | None = self._driver.get("port")
        return port

    @property
    def user(self) -> str | None:
        """The user to log in as, None when none was given."""
        user: str | None = self._driver.get("user")
        return user

    def with_driver(self, **changes: Any) -> Settings:
        """Return these settings with other arguments for the database driver; None takes one out."""
        taken_out = {name for name, value in changes.items() if value is None}
        driver = {name: value for name, value in {**self._driver, **changes}.items() if name not in taken_out}
        return replace(self, _driver=driver)

    def __repr__(self) -> str:
        shown = (
            f"{name}={'***' if is_secret(name) else repr(value)}"
            for name, value in {**self._driver, **self._own, **self._special}.items()
        )
        return f"<{' '.join(['Settings', *shown])}>"


class _Names:
    """The names that may be given, with one spelling for each."""

    def __init__(self, driver_parameters: Collection[str], typed: Mapping[str, Parameter[Any]]) -> None:
        self._driver = _EVERY_DRIVER.union(_DATABASE, driver_parameters)
        self._typed = typed
        self._database = next((name for name in _DATABASE if name in driver_parameters), _DATABASE[0])

    def canonical(self, given: Mapping[str, Any], unknown: Callable[[str, str], AwsWrapperError]) -> dict[str, Any]:
        """Return the values converted, under their one name.

        A name that nobody takes is refused with the error that ``unknown`` makes of it and a suggestion.
        """
        found: dict[str, Any] = {}
        for written, value in given.items():
            if switches_off(written, value):
                continue
            prefix = next((purpose for purpose in PURPOSES if written.startswith(purpose)), "")
            name = self._canonical_name(written.removeprefix(prefix), written, unknown)
            if prefix and name in PARAMETERS and name not in OF_BACKGROUND:
                raise AwsWrapperError(f"Parameter {written}: background connections heed no {name}, leave it out.")
            converted = self._converted(name, value, written)
            if converted is None and name not in NONE_IS_A_VALUE:
                continue
            if found.setdefault(prefix + name, converted) != converted:
                raise AwsWrapperError(
                    f"Parameter {written}: another value was given under another spelling of the same name."
                )
        return found

    def _canonical_name(self, name: str, written: str, unknown: Callable[[str, str], AwsWrapperError]) -> str:
        if name in _DATABASE:
            return self._database
        if name in self._driver:
            name = _OTHER_SPELLINGS.get(name, name)
        name = ALIASES.get(name, name)
        if name in PARAMETERS or name in self._driver:
            return name
        if name in PARAMETERS_TO_COME:
            raise AwsWrapperError(f"Parameter {written} is not supported yet, as {PARAMETERS_TO_COME[name]} is not.")
        for prefix, what in PURPOSES_TO_COME.items():
            if written.startswith(prefix):
                raise AwsWrapperError(f"Parameters that begin with {prefix} are not supported yet, as {what} is not.")
        raise unknown(written, suggest(name, {*PARAMETERS, *ALIASES, *self._driver}))

    def _converted(self, name: str, value: Any, written: str) -> Any:
        if name in self._typed and name not in PARAMETERS and isinstance(value, str):
            return self._typed[name].read(value, written)
        return _converted(name, value, written)


def _sorted(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is for the driver itself, and what is for the database driver; the connect timeout is for both."""
    own = {name: value for name, value in given.items() if name in PARAMETERS}
    return own, {name: value for name, value in given.items() if name not in own or name == CONNECT_TIMEOUT.name}


def _unknown_keyword(name: str, suggestion: str) -> AwsWrapperError:
    return AwsWrapperError(f"Unknown connection parameter '{name}'{', ' + suggestion if suggestion else '.'}")


def _unknown_in_profile(name: str, suggestion: str) -> AwsWrapperError:
    ending = f", {suggestion}" if suggestion else "."
    return AwsWrapperError(f"Configuration profile: unknown connection parameter '{name}'{ending}")


def _converted(name: str, value: Any, written: str) -> Any:
    if name in PARAMETERS:
        return PARAMETERS[name].read(value, written)
    if name == "port":
        return None if value == "" else _PORT.read(value, written)
    if name == "host" and not isinstance(value, str):
        raise AwsWrapperError(f"Parameter {written}: {value!r} is not accepted, give one host name or address as text.")
    return value
