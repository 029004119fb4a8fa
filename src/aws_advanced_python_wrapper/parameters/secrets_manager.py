"""The plugin `aws_secrets_manager`."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from aws_advanced_python_wrapper.converters import TEXT, WHOLE_NUMBER, Converter, Parameter, optional
from aws_advanced_python_wrapper.parameters.iam import REGION


def _words(value: Any) -> str:
    text = TEXT.read(value).strip()
    if not text:
        raise ValueError
    return text


def _url(value: Any) -> str | None:
    if value == "":
        return None
    text = _words(value)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError
    _ = parts.port  # raises ValueError where it is none
    return text


_TEXT: Final = Converter("a text of at least one character", _words)
_URL: Final = Converter("a URL such as https://secretsmanager.us-east-2.amazonaws.com", _url)

SECRETS_MANAGER_SECRET_ID: Final[Parameter[str | None]] = Parameter(
    "secrets_manager_secret_id", optional(_TEXT), None, "signing in", "The secret's name or ARN."
)

SECRETS_MANAGER_REGION: Final[Parameter[str | None]] = Parameter(
    "secrets_manager_region",
    REGION,
    None,
    "signing in",
    "The secret's region. Unless given, an ARN tells it, or the configuration of AWS's tools.",
)

SECRETS_MANAGER_ENDPOINT: Final[Parameter[str | None]] = Parameter(
    "secrets_manager_endpoint",
    _URL,
    None,
    "signing in",
    "Where AWS Secrets Manager is asked, if not at the region's public endpoint.",
)

SECRETS_MANAGER_SECRET_USERNAME_KEY: Final[Parameter[str]] = Parameter(
    "secrets_manager_secret_username_key", _TEXT, "username", "signing in", "What the secret calls the user's name."
)

SECRETS_MANAGER_SECRET_PASSWORD_KEY: Final[Parameter[str]] = Parameter(
    "secrets_manager_secret_password_key", _TEXT, "password", "signing in", "What the secret calls the password."
)

SECRETS_MANAGER_EXPIRATION: Final[Parameter[int]] = Parameter(
    "secrets_manager_expiration",
    WHOLE_NUMBER,
    870,
    "signing in",
    "Age at which a secret is fetched anew, in the background, while there are connections that use it; less than 10 "
    "counts as 10, and below 0 as a year.",
    unit="seconds",
)
