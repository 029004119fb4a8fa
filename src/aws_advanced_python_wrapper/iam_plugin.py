"""IAM: connections sign in with tokens, which AWS credentials sign, in place of a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.plugin import Phase, Plugin
from aws_advanced_python_wrapper.sign_in.extras import require
from aws_advanced_python_wrapper.sign_in.iam import IamSignIn

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.sign_in import SignIn
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings


class IamPlugin(Plugin):
    """The plugin `iam`."""

    code = "iam"
    phase = Phase.SIGN_IN

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn:
        """Sign in with IAM tokens; raises `AwsWrapperError` where AWS's library is missing."""
        require(cls.code, "aws", "botocore")
        return IamSignIn(settings, adapter)
