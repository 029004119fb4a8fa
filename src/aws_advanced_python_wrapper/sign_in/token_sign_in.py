"""Signing in with IAM tokens, whichever AWS credentials sign them."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from aws_advanced_python_wrapper.core.sign_in import DatabaseCredentials, SignIn
from aws_advanced_python_wrapper.sign_in.endpoints import (
    Token,
    TokenPurpose,
    endpoint_by_name,
    token_endpoint,
)
from aws_advanced_python_wrapper.sign_in.renewed import Fresh, RenewedValues

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings
    from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials
    from aws_advanced_python_wrapper.sign_in.endpoints import TokenEndpoint
    from aws_advanced_python_wrapper.sign_in.renewed import Renewed

_TOKENS: RenewedValues[Token] = RenewedValues()
_REGIONS: RenewedValues[str] = RenewedValues()


class Signer(NamedTuple):
    """The AWS credentials that sign the tokens of one sign-in."""

    key: Hashable
    """The same for those that are the same credentials: what is signed with others is never given away."""
    credentials: Callable[[], AwsCredentials]
    """Returns them as they are when it is called, which may block; raises `SignInError`."""
    asked: str = ""
    """Who has to answer before there are any, as messages have it."""


class TokenSignIn(SignIn):
    """Gives out tokens, which are signed in a thread when they are first needed, and renewed there."""

    sends_token = True
    expiration: ClassVar[Parameter[int]]
    """The parameter that tells for how many seconds a token is used."""

    def __init__(self, adapter: DriverAdapter) -> None:
        self._adapter = adapter
        self._purposes: dict[str, TokenPurpose] = {}
        """What was found out for hosts, by address: what DNS or AWS has told is at hand from then on."""

    @abstractmethod
    def user(self, settings: Settings) -> str:
        """Return the database user; raises `SignInError` where none was given."""

    @abstractmethod
    async def signer(self, request: CredentialsRequest) -> Signer:
        """Return what signs the token requested; what has signed a `refused` one may be of no more use.

        Raises `SignInError`.
        """

    @abstractmethod
    def signer_at_hand(self, settings: Settings, host: HostInfo) -> Signer | None:
        """Return what signs tokens for a host, if it can be had without waiting."""

    async def credentials(self, request: CredentialsRequest) -> DatabaseCredentials | None:
        """Return a token. Where the server refuses one that was at hand, another one is signed, once."""
        refused = Token(request.refused.password) if request.refused else None
        if request.refused is not None and not request.refused.was_at_hand:
            return None
        user = self.user(request.settings)
        endpoint = await token_endpoint(self._adapter, request)
        signer = await self.signer(request)
        region = endpoint.region or await self._global_region(request, endpoint, signer)
        purpose = self._purposes[request.host.address] = TokenPurpose(region, endpoint.host, endpoint.port, user)
        token = self._token(request.settings, signer, purpose)
        given = await token.get(request.io, self, request.deadline, refused=refused)
        was_at_hand = refused is None and (given.was_at_hand or not given.value.credentials_are_new)
        return DatabaseCredentials(user, given.value.text, was_at_hand)

    def at_hand(self, settings: Settings, host: HostInfo) -> DatabaseCredentials | None:
        """Return a token that was signed before, for a host of which is known what it is called in tokens."""
        purpose = self._known_purpose(settings, host)
        signer = self.signer_at_hand(settings, host)
        if purpose is None or signer is None:
            return None
        at_hand = self._token(settings, signer, purpose).at_hand(self)
        return DatabaseCredentials(purpose.user, at_hand.text, was_at_hand=True) if at_hand else None

    def _known_purpose(self, settings: Settings, host: HostInfo) -> TokenPurpose | None:
        """Return what tokens for a host are signed for, where its name tells it or it was found out before."""
        user = self.user(settings)
        if known := self._purposes.get(host.address):
            return known._replace(user=user)
        endpoint = endpoint_by_name(settings, host)
        if endpoint is None or endpoint.region is None:
            return None
        return TokenPurpose(endpoint.region, endpoint.host, endpoint.port, user)

    def _token(self, settings: Settings, signer: Signer, purpose: TokenPurpose) -> Renewed[Token]:
        expiration = settings[self.expiration]
        obtain = partial(_obtain_token, purpose, signer.credentials, expiration)
        return _TOKENS.of((signer.key, purpose, expiration), str(purpose), obtain, signer.asked)

    async def _global_region(self, request: CredentialsRequest, endpoint: TokenEndpoint, signer: Signer) -> str:
        obtain = partial(_obtain_region, endpoint.host, signer.credentials)
        region = _REGIONS.of((signer.key, endpoint.host), f"The region of {endpoint.host}", obtain)
        may_have_moved = request.refused is not None
        return (await region.get(request.io, self, request.deadline, doubted=may_have_moved)).value


# AWS's library is imported where it is needed: in the thread that obtains something, not on an event loop.


def _obtain_token(purpose: TokenPurpose, credentials: Callable[[], AwsCredentials], expiration: float) -> Fresh[Token]:
    from aws_advanced_python_wrapper.sign_in.tokens import obtain_token  # noqa: PLC0415 - see above

    return obtain_token(purpose, credentials, expiration)


def _obtain_region(host: str, credentials: Callable[[], AwsCredentials]) -> Fresh[str]:
    from aws_advanced_python_wrapper.sign_in.global_databases import obtain_region  # noqa: PLC0415 - see above

    return obtain_region(host, credentials)
