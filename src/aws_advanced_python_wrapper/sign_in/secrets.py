"""Secrets of AWS Secrets Manager: where they are, what they contain. Nothing of AWS's library is needed for it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.secrets_manager import (
    SECRETS_MANAGER_ENDPOINT,
    SECRETS_MANAGER_REGION,
    SECRETS_MANAGER_SECRET_ID,
    SECRETS_MANAGER_SECRET_PASSWORD_KEY,
    SECRETS_MANAGER_SECRET_USERNAME_KEY,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.properties import Settings

# All partitions; the end of an ARN may be left out (AWS Secrets Manager API reference, GetSecretValue).
_ARN = re.compile(r"arn:aws[a-z0-9-]*:secretsmanager:(?P<region>[a-z0-9-]+):[0-9]{12}:secret:.+")
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """A secret, and where it is asked for."""

    secret_id: str
    region: str | None
    """None: that of AWS's tools."""
    endpoint: str | None

    @classmethod
    def of(cls, settings: Settings) -> SecretPlace:
        """Return what the settings say; raises `AwsWrapperError` for what they lack or have wrong."""
        secret_id = settings[SECRETS_MANAGER_SECRET_ID]
        if secret_id is None:
            raise AwsWrapperError(
                f"The plugin aws_secrets_manager needs a secret: give {SECRETS_MANAGER_SECRET_ID.name}, its "
                "name or ARN."
            )
        region = _region(secret_id, settings[SECRETS_MANAGER_REGION])
        return cls(secret_id, region, settings[SECRETS_MANAGER_ENDPOINT])

    def __str__(self) -> str:
        return f"The secret '{self.secret_id}'{f' in {self.region}' if self.region else ''}"


def _region(secret_id: str, given: str | None) -> str | None:
    if not secret_id.startswith("arn:"):
        return given
    arn = _ARN.fullmatch(secret_id)
    if arn is None:
        raise AwsWrapperError(
            f"Parameter {SECRETS_MANAGER_SECRET_ID.name}: '{secret_id}' is no ARN of a secret, such as "
            "arn:aws:secretsmanager:us-east-2:123456789012:secret:name. Give the whole ARN, or the secret's name."
        )
    if given not in (None, arn["region"]):
        raise AwsWrapperError(
            f"{SECRETS_MANAGER_REGION.name} is {given}, and the ARN of the secret says {arn['region']}: leave "
            f"{SECRETS_MANAGER_REGION.name} out, or give the ARN of the secret's replica there."
        )
    return arn["region"]


@dataclass(frozen=True, slots=True)
class Secret:
    """What a version of a secret says of a database; of its content only this is kept."""

    user: str
    password: str = field(repr=False)
    host: str | None = None
    port: int | None = None
    database: str | None = None


@dataclass(frozen=True, slots=True)
class SecretKeys:
    """What a secret calls the user's name and the password."""

    user: str
    password: str

    @classmethod
    def of(cls, settings: Settings) -> SecretKeys:
        """Return what the settings say."""
        return cls(settings[SECRETS_MANAGER_SECRET_USERNAME_KEY], settings[SECRETS_MANAGER_SECRET_PASSWORD_KEY])

    def read(self, text: str | None, what: str) -> Secret:
        """Return what the text of a secret says. Raises `SignInError`, which tells nothing of the content."""
        if text is None:
            raise SignInError(f"{what} is binary: store the text of a JSON object in it.")
        content = _object(text)
        if content is None:
            raise SignInError(f"{what} is not a JSON object: store one, with the user's name and the password.")
        user = _text(content, self.user, SECRETS_MANAGER_SECRET_USERNAME_KEY.name, what)
        password = _text(content, self.password, SECRETS_MANAGER_SECRET_PASSWORD_KEY.name, what)
        host, database = _optional_text(content, "host"), _optional_text(content, "dbname")
        return Secret(user, password, host, _port(content), database)


def _object(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _text(content: Mapping[str, Any], key: str, parameter: str, what: str) -> str:
    value = content.get(key)
    if isinstance(value, str) and value:
        return value
    # The key is the user's own, and nothing else of the content is told.
    if value:
        raise SignInError(f"{what} has a '{key}' that is no text: put it in quotation marks in the JSON object.")
    found = "has no" if value is None else "has no text of at least one character as"
    raise SignInError(f"{what} {found} '{key}': store it, or give {parameter}, the name under which it is stored.")


def _optional_text(content: Mapping[str, Any], key: str) -> str | None:
    value = content.get(key)
    return value if isinstance(value, str) and value else None


def _port(content: Mapping[str, Any]) -> int | None:
    """Return the port, which is a number in the secrets that RDS makes, and often a text in others'."""
    value = content.get("port")
    try:
        port = int(value) if isinstance(value, (int, str)) else 0
    except ValueError:
        return None
    return port if 0 < port <= _HIGHEST_PORT else None
