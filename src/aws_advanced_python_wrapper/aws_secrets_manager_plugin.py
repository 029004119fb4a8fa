"""AWS Secrets Manager: connections sign in with the user and password of a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.plugin import Phase, Plugin
from aws_advanced_python_wrapper.sign_in.extras import require
from aws_advanced_python_wrapper.sign_in.secrets_manager import SecretsManagerSignIn

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings


class AwsSecretsManagerPlugin(Plugin):
    """The plugin `aws_secrets_manager`."""

    code = "aws_secrets_manager"
    phase = Phase.SIGN_IN

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn:
        """Sign in with a secret; raises `AwsWrapperError` where AWS's library is missing or no secret was named."""
        require(cls.code, "aws", "botocore")
        return SecretsManagerSignIn(settings, adapter)
