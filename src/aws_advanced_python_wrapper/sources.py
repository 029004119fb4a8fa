"""Where the parameters of a connection come from: keywords, a connection string, a configuration profile."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from aws_advanced_python_wrapper.conninfo import parse
from aws_advanced_python_wrapper.driver_configuration_profiles import DriverConfigurationProfiles
from aws_advanced_python_wrapper.parameters.plugins import PROFILE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.converters import Parameter

T = TypeVar("T")

_NO_PROFILE: Mapping[str, Any] = MappingProxyType({})

NONE_IS_A_VALUE = frozenset({"prepare_threshold", "autocommit"})
"""Of every other parameter None says that it is not given.

psycopg: None switches prepared statements off. aiomysql: None leaves to the server whether a session commits by itself.
"""


class Sources(NamedTuple):
    """What was given in each way, by the names as they were written; the first way counts most."""

    keywords: Mapping[str, Any]
    written: Mapping[str, Any]
    profile: Mapping[str, Any]

    @classmethod
    def of(cls, conninfo: str | None, arguments: Mapping[str, Any]) -> Sources:
        """Read the string and look up the profile; raises `AwsWrapperError` where one or the other is not possible."""
        keywords, written = _given(arguments), parse(conninfo)
        name = cls(keywords, written, _NO_PROFILE).first(PROFILE_NAME)
        profile = DriverConfigurationProfiles.get_parameters(name) if name else _NO_PROFILE
        return cls(keywords, written, _given(profile))

    def first(self, parameter: Parameter[T]) -> T | None:
        """Return a parameter's value before all others are read; None where it is not given."""
        value = next((source[parameter.name] for source in self if parameter.name in source), None)
        return None if value is None else parameter.read(value)


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None or name in NONE_IS_A_VALUE}
