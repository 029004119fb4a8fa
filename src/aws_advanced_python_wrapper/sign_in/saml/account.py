"""Who signs in at which identity provider."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aws_advanced_python_wrapper.converters import shown
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.federated import (
    DB_USER,
    HTTP_REQUEST_CONNECT_TIMEOUT,
    HTTPS_PORT,
    IDP_ENDPOINT,
    IDP_PASSWORD,
    IDP_PORT,
    IDP_USERNAME,
    SSL_SECURE,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.properties import Settings

logger = logging.getLogger(__name__)

_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*|[0-9a-f]*:[0-9a-f:.]+")
_SPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Account:
    """A user at an identity provider, and how the way there is taken; `timeout` is in seconds."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    timeout: float
    verified: bool

    @classmethod
    def of(cls, settings: Settings) -> Account:
        """Return what the settings say; raises `AwsWrapperError` for what they lack or have wrong."""
        host, port = _address(needed(settings, IDP_ENDPOINT), settings[IDP_PORT])
        user, password = _own(settings, IDP_USERNAME, "user"), _own(settings, IDP_PASSWORD, "password")
        account = cls(host, port, user, password, settings[HTTP_REQUEST_CONNECT_TIMEOUT], settings[SSL_SECURE])
        if not account.verified:
            _warn_of(account.address)
        return account

    @property
    def address(self) -> str:
        """The provider's host and port, as messages have them."""
        return self._location if self.port == HTTPS_PORT else f"{self._location}:{self.port}"

    @property
    def origin(self) -> str:
        """The beginning of the addresses of all its pages."""
        return f"https://{self.address}"

    @property
    def _location(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def needed(settings: Settings, parameter: Parameter[str | None]) -> str:
    """Return a parameter's value; raises `AwsWrapperError` that says what to give where it has none."""
    value = settings[parameter]
    if not value:
        meaning = parameter.doc.partition(". ")[0].removesuffix(".").replace("`", "")
        raise AwsWrapperError(f"Parameter {parameter.name} is needed to sign in, give it: {meaning}.")
    return value


def _own(settings: Settings, parameter: Parameter[str | None], substitute: str) -> str:
    """Return the user's name or password, for which a driver's own stand in where the database user is another one."""
    given = settings[parameter] or (settings[DB_USER] and settings.driver.get(substitute))
    return str(given) if given else needed(settings, parameter)


@cache
def _warn_of(address: str) -> None:
    """Warn once in a process: connections are many."""
    logger.warning(
        "%s is false: the certificate of %s is not checked, so anybody on the way to it can take the password",
        SSL_SECURE.name,
        address,
    )


def _address(endpoint: str, port: int) -> tuple[str, int]:
    """Take an endpoint apart that may have been copied from a browser's address line."""
    written = endpoint.strip()
    if _SPACE.search(written):  # which would be taken out silently
        raise _refusal(endpoint)
    try:
        parts = urlsplit(written if "://" in written else f"https://{written}")
        host, own_port = parts.hostname or "", parts.port
    except ValueError:
        raise _refusal(endpoint) from None
    if (
        not _HOST.fullmatch(host)
        or parts.scheme != "https"
        or parts.username is not None
        or parts.path.strip("/")
        or parts.query
    ):
        raise _refusal(endpoint)
    if own_port is not None and port not in (own_port, HTTPS_PORT):
        raise AwsWrapperError(f"Parameter {IDP_PORT.name}: {port} contradicts {IDP_ENDPOINT.name}={endpoint!r}.")
    return host, own_port or port


def _refusal(endpoint: str) -> AwsWrapperError:
    return AwsWrapperError(
        f"Parameter {IDP_ENDPOINT.name}: {shown(endpoint)} is not accepted, give the host name of the identity "
        "provider, such as adfs.example.com; it is visited over https only."
    )
