"""Signing in with IAM tokens, which the credentials of a role sign that a user of an identity provider may assume."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.parameters.federated import DB_USER, IAM_TOKEN_EXPIRATION
from aws_advanced_python_wrapper.parameters.iam import IAM_DEFAULT_PORT, IAM_HOST, IAM_REGION
from aws_advanced_python_wrapper.sign_in.renewed import RenewedValues
from aws_advanced_python_wrapper.sign_in.saml.account import needed
from aws_advanced_python_wrapper.sign_in.token_sign_in import Signer, TokenSignIn

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings
    from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials
    from aws_advanced_python_wrapper.sign_in.renewed import Fresh, Renewed
    from aws_advanced_python_wrapper.sign_in.saml.grant import Grant

_CREDENTIALS: RenewedValues[AwsCredentials] = RenewedValues()


class FederatedSignIn(TokenSignIn):
    """What the plugins `federated_auth` and `okta` sign in with."""

    expiration = IAM_TOKEN_EXPIRATION

    def __init__(self, settings: Settings, adapter: DriverAdapter, grant: Grant) -> None:
        super().__init__(adapter)
        self._grant = grant
        self._user = needed(settings, DB_USER)
        self._signer = Signer(grant, partial(_credentials, grant), grant.asked)
        of_tokens = (
            settings[IAM_HOST],
            settings[IAM_DEFAULT_PORT],
            settings[IAM_REGION],
            settings[IAM_TOKEN_EXPIRATION],
        )
        self._others = (self._user, settings.driver.get("host"), of_tokens)

    @property
    def key(self) -> str:
        """What the token depends on beside the host that is connected to."""
        return repr((self._grant.digest, self._others))

    def user(self, settings: Settings) -> str:
        """Return the database user, whom the identity provider may call by another name."""
        del settings
        return self._user

    async def signer(self, request: CredentialsRequest) -> Signer:
        """Return the credentials of the role, which are obtained anew where a token of theirs was refused."""
        renewed = _renewed(self._grant)
        renewed.at_hand(self)  # from now on they are renewed in the background
        if request.refused is not None:
            await renewed.get(request.io, self, request.deadline, doubted=True)
        return self._signer

    def signer_at_hand(self, settings: Settings, host: HostInfo) -> Signer:
        """Return the credentials of the role: to name them takes no time."""
        del settings, host
        _renewed(self._grant).at_hand(self)
        return self._signer


def _renewed(grant: Grant) -> Renewed[AwsCredentials]:
    return _CREDENTIALS.of(grant, str(grant), partial(_obtain, grant), grant.asked)


def _credentials(grant: Grant) -> AwsCredentials:
    return _renewed(grant).get_blocking()


# AWS's library and that for HTTP are imported where they are needed: in a thread that obtains something, not on an
# event loop.


def _obtain(grant: Grant) -> Fresh[AwsCredentials]:
    from aws_advanced_python_wrapper.sign_in.saml.roles import obtain_credentials  # noqa: PLC0415 - see above

    return obtain_credentials(grant)
