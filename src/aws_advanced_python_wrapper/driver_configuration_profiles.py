"""Configuration profiles: plugins and parameters under a name, which a connection uses with `profile_name`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from aws_advanced_python_wrapper.converters import unknown
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.catalogue import parameter_of
from aws_advanced_python_wrapper.parameters.plugins import PLUGINS, PROFILE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class DriverConfigurationProfiles:
    """The profiles of this process. A connection reads its profile once, when it is opened.

    Every method may be called from any thread.
    """

    # One entry is set, read or taken out at a time, which a dictionary does in one step; the entries never change.
    _profiles: ClassVar[dict[str, Mapping[str, Any]]] = {}

    @classmethod
    def add_or_replace_profile(
        cls, name: str, plugins: str | Sequence[str | type] | None = None, **parameters: Any
    ) -> None:
        """Keep plugins (codes or classes; None: no word on them) and any connection parameters under a name.

        Raises:
            AwsWrapperError: one of this driver's parameters has a value it does not take. Other names may be the
                database driver's; like the plugins' codes they are checked when the profile is used.
        """
        if not PROFILE_NAME.read(name):
            raise AwsWrapperError("The name of a configuration profile has to have at least one character.")
        given = parameters if plugins is None else {**parameters, PLUGINS.name: plugins}
        checked = {written: _checked(name, written, value) for written, value in given.items()}
        cls._profiles[name] = MappingProxyType(checked)

    @classmethod
    def remove_profile(cls, name: str) -> None:
        """Forget a profile, if there is one of that name."""
        cls._profiles.pop(name, None)

    @classmethod
    def contains_profile(cls, name: str) -> bool:
        """Tell whether there is a profile of that name."""
        return name in cls._profiles

    @classmethod
    def clear_profiles(cls) -> None:
        """Forget all profiles."""
        cls._profiles.clear()

    @classmethod
    def get_plugin_factories(cls, name: str) -> tuple[str | type, ...]:
        """Return the plugins of a profile, codes or classes; none where it has no word on them.

        Raises `AwsWrapperError` for an unknown name.
        """
        profile = cls.get_parameters(name)
        return next((value for written, value in profile.items() if parameter_of(written) is PLUGINS), ())

    @classmethod
    def get_parameters(cls, name: str) -> Mapping[str, Any]:
        """Return all parameters of a profile, its plugins and its secrets among them.

        Raises `AwsWrapperError` for an unknown name.
        """
        profile = cls._profiles.get(name)
        if profile is None:
            raise unknown("configuration profile", name, cls._profiles)
        return profile


def _checked(profile: str, written: str, value: Any) -> Any:
    parameter = parameter_of(written)
    if parameter is PROFILE_NAME:
        raise AwsWrapperError(f"Configuration profile '{profile}': a profile cannot use another one.")
    return value if parameter is None or value is None else parameter.read(value, written)
