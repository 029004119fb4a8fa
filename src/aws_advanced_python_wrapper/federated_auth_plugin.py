"""Federated sign-in: AD FS vouches for a user, AWS gives a role, which signs tokens in place of a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.plugin import Phase, Plugin
from aws_advanced_python_wrapper.parameters.federated import RP_IDENTIFIER
from aws_advanced_python_wrapper.sign_in.extras import require
from aws_advanced_python_wrapper.sign_in.saml.grant import Grant
from aws_advanced_python_wrapper.sign_in.saml.sign_in import FederatedSignIn

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings


class FederatedAuthPlugin(Plugin):
    """The plugin `federated_auth`."""

    code = "federated_auth"
    phase = Phase.SIGN_IN

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn:
        """Sign in by way of AD FS; raises `AwsWrapperError` for missing libraries and parameters."""
        require(cls.code, "federated", "botocore", "requests")
        return FederatedSignIn(settings, adapter, Grant.of(settings, "adfs", settings[RP_IDENTIFIER]))
