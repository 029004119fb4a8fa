"""The plugin `iam`, and what the other plugins that sign in through AWS have in common with it."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Final

from aws_advanced_python_wrapper.converters import TEXT, WHOLE_NUMBER, Converter, Parameter, optional

_HOST_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_REGION: Final = re.compile(r"[a-z]+(-[a-z]+)+-[0-9]+")


def _host_name(value: Any) -> str | None:
    if value == "":
        return None
    name = TEXT.read(value).strip().lower().removesuffix(".")
    if _HOST_NAME.fullmatch(name) is None or _is_ip_address(name):
        raise ValueError
    return name


def _is_ip_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _region(value: Any) -> str | None:
    if value == "":
        return None
    name = TEXT.read(value).strip().lower()
    if _REGION.fullmatch(name) is None:
        raise ValueError
    return name


REGION: Final = Converter("the name of an AWS region, such as us-east-2", _region)

AWS_PROFILE: Final[Parameter[str | None]] = Parameter(
    "aws_profile",
    optional(TEXT),
    None,
    "signing in",
    "The profile of AWS's configuration files whose credentials are used. Unless given, they are looked for where "
    "AWS's tools look.",
)

IAM_HOST: Final[Parameter[str | None]] = Parameter(
    "iam_host",
    Converter("the host name of an RDS endpoint, without scheme and port", _host_name),
    None,
    "signing in",
    "The RDS endpoint behind `host`, where that is an address or a name of your own.",
)

IAM_DEFAULT_PORT: Final[Parameter[int | None]] = Parameter(
    "iam_default_port",
    optional(WHOLE_NUMBER),
    None,
    "signing in",
    "The port at which the database itself listens, where you connect to another one.",
    minimum=1,
    maximum=65535,
)

IAM_REGION: Final[Parameter[str | None]] = Parameter(
    "iam_region",
    REGION,
    None,
    "signing in",
    "The region of the database, where its host name does not tell it.",
)

IAM_EXPIRATION: Final[Parameter[int]] = Parameter(
    "iam_expiration",
    WHOLE_NUMBER,
    870,
    "signing in",
    "Time for which a token is used; AWS lets none live for more than 15 minutes, and 870 is the most that counts.",
    unit="seconds",
    minimum=1,
)
