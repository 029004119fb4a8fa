"""What a token is signed for: a user, at an endpoint as RDS calls it, in a region."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from aws_advanced_python_wrapper.cluster.endpoint import Endpoint, EndpointType, InstancePattern, analyse
from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.parameters.iam import IAM_DEFAULT_PORT, IAM_HOST, IAM_REGION

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings

# Seconds for which RDS accepts a token, and for which one is used: a connection that is on its way has the rest.
VALID_FOR = 900
LONGEST = 870


@dataclass(frozen=True, slots=True)
class Token:
    """A password for a quarter of an hour."""

    text: str = field(repr=False)
    credentials_are_new: bool = field(default=True, compare=False)
    """Whether the AWS credentials were looked up for it: others are not to be had by looking them up again."""


class TokenPurpose(NamedTuple):
    """For whom a token is signed, and where it counts."""

    region: str
    host: str
    port: int
    user: str

    def __str__(self) -> str:
        return f"An IAM token for user {self.user!r} at {self.host}:{self.port}"


class TokenEndpoint(NamedTuple):
    """What a server is called in the tokens that it accepts."""

    host: str
    port: int
    region: str | None
    """None: the endpoint of a global database, which tells nothing of where its writer is."""


async def token_endpoint(adapter: DriverAdapter, request: CredentialsRequest) -> TokenEndpoint:
    """Find out what a request's host is called in tokens. Only aliases are looked up, in DNS. Raises `SignInError`."""
    return _made(request.settings, request.host, await _found(adapter, request))


def endpoint_by_name(settings: Settings, host: HostInfo) -> TokenEndpoint | None:
    """Return the same where the host's name and the settings tell it; None where DNS would have to be asked."""
    endpoint = _named(settings, host)
    return _made(settings, host, endpoint) if endpoint and endpoint.type is not EndpointType.GLOBAL else None


def _named(settings: Settings, host: HostInfo) -> Endpoint | None:
    """Return the endpoint that a host is by its name. `iam_host` counts for the host that the user gave.

    A failover leads to instances, which have names of their own.
    """
    given = _given(settings) if _is_users_own(settings, host) else None
    endpoint = given or analyse(host.host)
    return endpoint if endpoint.is_rds else None


def _given(settings: Settings) -> Endpoint | None:
    """Return what `iam_host` is; raises `SignInError` where that is no endpoint of RDS."""
    name = settings[IAM_HOST]
    if name is None:
        return None
    endpoint = analyse(name)
    if not endpoint.is_rds:
        raise SignInError(f"{IAM_HOST.name} is {name}, which is not the host name of an RDS endpoint: correct it.")
    return endpoint


async def _found(adapter: DriverAdapter, request: CredentialsRequest) -> Endpoint:
    settings, host = request.settings, request.host
    endpoint = _named(settings, host)
    if endpoint is None:
        endpoint = await _behind(request.io, adapter, host.host) or _instance(settings, host)
    if endpoint is None:
        raise SignInError(
            f"{host.host} is not the endpoint of an RDS database, nor an alias of one in DNS, and tokens are signed "
            f"for such an endpoint: set {IAM_HOST.name} to the host name of the endpoint that is behind it."
        )
    if endpoint.type is EndpointType.GLOBAL and not settings[IAM_REGION]:
        # Its name is an alias of the writer's cluster, whichever region that is in now.
        behind = await _behind(request.io, adapter, endpoint.host)
        region = behind.region if behind else None
        return Endpoint(endpoint.host, endpoint.type, endpoint.name, endpoint.domain, region)
    return endpoint


def _instance(settings: Settings, host: HostInfo) -> Endpoint | None:
    """Return the endpoint of an instance that goes by a name of the user's own: its domain is that of `iam_host`."""
    given = _given(settings)
    if given is None or given.instance_pattern is None or host.host_id is None:
        return given
    endpoint = analyse(InstancePattern(given.instance_pattern).host(host.host_id))
    return endpoint if endpoint.is_rds else given


async def _behind(io: Io, adapter: DriverAdapter, name: str) -> Endpoint | None:
    if analyse(name).type is EndpointType.IP or name.startswith("/"):
        return None
    try:
        found = analyse(await adapter.canonical_name(io, name))
    except LookupError:
        return None
    return found if found.is_rds else None


def _made(settings: Settings, host: HostInfo, endpoint: Endpoint) -> TokenEndpoint:
    given = settings[IAM_REGION]
    if given and endpoint.region not in (None, given) and _is_users_own(settings, host):
        raise SignInError(
            f"{IAM_REGION.name} is {given}, and {endpoint.host} is in {endpoint.region}: leave {IAM_REGION.name} out."
        )
    region = endpoint.region or given
    if region is None and endpoint.type is not EndpointType.GLOBAL:
        raise SignInError(f"{endpoint.host} does not tell which region it is in: set {IAM_REGION.name}.")
    return TokenEndpoint(endpoint.host, settings[IAM_DEFAULT_PORT] or host.port, region)


def _is_users_own(settings: Settings, host: HostInfo) -> bool:
    return analyse(host.host).host == analyse(settings.host).host
