"""The plugins `federated_auth` and `okta`, which sign in at an identity provider."""

from __future__ import annotations

from typing import Final

from aws_advanced_python_wrapper.converters import NUMBER, TEXT, TRUTH, WHOLE_NUMBER, Parameter, choice, optional

HTTPS_PORT: Final = 443

_AREA = "federated sign-in"

IDP_NAME: Final[Parameter[str]] = Parameter(
    "idp_name", choice("adfs"), "adfs", _AREA, "The identity provider of `federated_auth`: AD FS is the only one."
)

IDP_ENDPOINT: Final[Parameter[str | None]] = Parameter(
    "idp_endpoint",
    optional(TEXT),
    None,
    _AREA,
    "Host name of the identity provider, such as `adfs.example.com`. Needed.",
)

IDP_PORT: Final[Parameter[int]] = Parameter(
    "idp_port",
    WHOLE_NUMBER,
    HTTPS_PORT,
    _AREA,
    "Port of the identity provider.",
    minimum=1,
    maximum=65535,
)

IDP_USERNAME: Final[Parameter[str | None]] = Parameter(
    "idp_username",
    optional(TEXT),
    None,
    _AREA,
    "The user at the identity provider. Needed; where `db_user` is given, `user` stands in.",
)

IDP_PASSWORD: Final[Parameter[str | None]] = Parameter(
    "idp_password",
    optional(TEXT),
    None,
    _AREA,
    "The password of that user. Needed; where `db_user` is given, `password` stands in.",
)

RP_IDENTIFIER: Final[Parameter[str]] = Parameter(
    "rp_identifier",
    TEXT,
    "urn:amazon:webservices",
    _AREA,
    "`federated_auth`: the identifier of the relying party that stands for AWS in AD FS.",
)

APP_ID: Final[Parameter[str | None]] = Parameter(
    "app_id",
    optional(TEXT),
    None,
    _AREA,
    "`okta`: the id of the application that stands for AWS in Okta. Needed there.",
)

IAM_ROLE_ARN: Final[Parameter[str | None]] = Parameter(
    "iam_role_arn", optional(TEXT), None, _AREA, "The role to assume, which may connect to the database. Needed."
)

IAM_IDP_ARN: Final[Parameter[str | None]] = Parameter(
    "iam_idp_arn", optional(TEXT), None, _AREA, "The identity provider as IAM knows it. Needed."
)

DB_USER: Final[Parameter[str | None]] = Parameter(
    "db_user", optional(TEXT), None, _AREA, "The database user to connect as. Needed."
)

IAM_TOKEN_EXPIRATION: Final[Parameter[int]] = Parameter(
    "iam_token_expiration",
    WHOLE_NUMBER,
    870,
    _AREA,
    "For how long a token is used; more than 870 counts as 870, as tokens are valid for 15 minutes.",
    unit="seconds",
    minimum=1,
)

HTTP_REQUEST_CONNECT_TIMEOUT: Final[Parameter[float]] = Parameter(
    "http_request_connect_timeout",
    NUMBER,
    60.0,
    _AREA,
    "Time allowed for connecting to the identity provider, and for each wait for what it sends.",
    unit="seconds",
    above=0,
)

SSL_SECURE: Final[Parameter[bool]] = Parameter(
    "ssl_secure",
    TRUTH,
    True,
    _AREA,
    "Whether the certificate of the identity provider is checked. Without that, anybody on the way to it can take the "
    "user's password.",
)
