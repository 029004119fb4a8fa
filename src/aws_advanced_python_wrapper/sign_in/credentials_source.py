"""Where a connection's AWS credentials come from, as a value. Nothing of AWS's library is needed for it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.aws_credentials_manager import AwsCredentialsManager
from aws_advanced_python_wrapper.converters import is_secret
from aws_advanced_python_wrapper.core.releasing import at_release
from aws_advanced_python_wrapper.parameters.catalogue import PARAMETERS
from aws_advanced_python_wrapper.parameters.iam import (
    AWS_PROFILE,
    IAM_DEFAULT_PORT,
    IAM_EXPIRATION,
    IAM_HOST,
    IAM_REGION,
)
from aws_advanced_python_wrapper.parameters.secrets_manager import (
    SECRETS_MANAGER_ENDPOINT,
    SECRETS_MANAGER_EXPIRATION,
    SECRETS_MANAGER_REGION,
    SECRETS_MANAGER_SECRET_ID,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from aws_advanced_python_wrapper.aws_credentials_manager import CredentialsHandler
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.properties import Settings

DOUBTED: set[Hashable] = set()
"""Keys of sources whose credentials were of no use lately: they are to be looked up anew."""
at_release(DOUBTED.clear)

_OF_SIGN_IN: tuple[Parameter[Any], ...] = (
    *(AWS_PROFILE, IAM_HOST, IAM_DEFAULT_PORT, IAM_REGION, IAM_EXPIRATION),
    *(SECRETS_MANAGER_SECRET_ID, SECRETS_MANAGER_REGION, SECRETS_MANAGER_ENDPOINT, SECRETS_MANAGER_EXPIRATION),
)
_TELLING = frozenset({"user", "host", "port", "dbname", "database", "db", *(one.name for one in _OF_SIGN_IN)})
"""What a handler may go by: connections that differ in nothing else share what it gives."""


def environment() -> str:
    """Return what is the same as long as all variables are that AWS's library reads: a program may change them."""
    variables = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    return _digest(variables)


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(values.items())).encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class CredentialsSource:
    """A profile of AWS's configuration files, or whatever is found without one; or a handler of the program's."""

    profile: str | None
    handler: CredentialsHandler | None = None
    host: HostInfo | None = None
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    environment: str = field(default_factory=environment, repr=False)

    @classmethod
    def of(cls, settings: Settings, host: HostInfo | None, variables: str | None = None) -> CredentialsSource:
        """Return the source for a connection to a host with these settings.

        `variables` is what `environment` has returned; unless given, it is looked at now, which takes 20 microseconds.
        """
        profile, handler = settings[AWS_PROFILE] or None, AwsCredentialsManager.custom_handler()
        variables = variables or environment()
        if handler is None:
            return cls(profile, environment=variables)
        return cls(profile, handler, host, _properties(settings), variables)

    @property
    def key(self) -> Hashable:
        """The same for those that give the same credentials, as far as anybody knows."""
        if self.handler is None:
            return self.profile, self.environment
        # Objects cannot be compared by what they say.
        plain = {name: value for name, value in self.properties.items() if isinstance(value, (str, int, float))}
        telling = {name: value for name, value in plain.items() if name in _TELLING}
        return self.profile, self.environment, self.handler, _digest(telling)

    def doubt(self) -> None:
        """Have the credentials looked up anew, as a server has refused what was made with those found before."""
        DOUBTED.add(self.key)


def _properties(settings: Settings) -> Mapping[str, Any]:
    """Return what a handler may know: all parameters by name but for the secret ones."""
    own = {name: settings[parameter] for name, parameter in PARAMETERS.items()}
    return MappingProxyType({name: value for name, value in {**own, **settings.driver}.items() if not is_secret(name)})
