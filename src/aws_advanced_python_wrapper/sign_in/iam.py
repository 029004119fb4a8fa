"""Signing in with IAM tokens that the program's own AWS credentials sign."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.parameters.iam import IAM_DEFAULT_PORT, IAM_EXPIRATION, IAM_HOST, IAM_REGION
from aws_advanced_python_wrapper.sign_in.credentials_source import CredentialsSource, environment
from aws_advanced_python_wrapper.sign_in.found_credentials import found_lately, keep_at_hand, session_and_credentials
from aws_advanced_python_wrapper.sign_in.token_sign_in import Signer, TokenSignIn

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings
    from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials


class IamSignIn(TokenSignIn):
    """What the plugin `iam` signs in with."""

    expiration = IAM_EXPIRATION

    def __init__(self, settings: Settings, adapter: DriverAdapter) -> None:
        super().__init__(adapter)
        own: list[Parameter[Any]] = [IAM_HOST, IAM_DEFAULT_PORT, IAM_REGION, IAM_EXPIRATION]
        given = [settings[parameter] for parameter in own]
        self._user_is_guessed = adapter.guesses_user(settings.driver)
        self._variables = environment()
        self._key = repr(("iam", settings.driver.get("host"), self._source(settings, None).key, *given))

    @property
    def key(self) -> str:
        """What the token depends on beside the user and the host that is connected to."""
        return self._key

    def user(self, settings: Settings) -> str:
        """Return the user of the connection."""
        if not settings.user or self._user_is_guessed:
            raise SignInError("The plugin iam needs the name of the database user: give user=.")
        return settings.user

    async def signer(self, request: CredentialsRequest) -> Signer:
        """Return the credentials of the program, which are looked up again where a token of theirs was refused."""
        source = self._source(request.settings, request.host)
        if request.refused is not None and source.handler is not None:
            source.doubt()  # a handler is called by whoever signs, and for these connections only
        elif request.refused is not None:
            await found_lately(request.io, self, source, request.deadline)
        return self._signer(source)

    def signer_at_hand(self, settings: Settings, host: HostInfo) -> Signer:
        """Return the credentials of the program: to name them takes no time."""
        return self._signer(self._source(settings, host))

    def _source(self, settings: Settings, host: HostInfo | None) -> CredentialsSource:
        return CredentialsSource.of(settings, host, self._variables)

    def _signer(self, source: CredentialsSource) -> Signer:
        if source.handler is None:
            keep_at_hand(self, source)
        return Signer(source.key, partial(_credentials, source))


def _credentials(source: CredentialsSource) -> AwsCredentials:
    return session_and_credentials(source, "An IAM token cannot be signed")[1]
