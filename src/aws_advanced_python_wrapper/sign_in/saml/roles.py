"""From a user's word at the identity provider to the credentials of a role. To be called in threads that may block."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.parameters.federated import IAM_IDP_ARN, IAM_ROLE_ARN
from aws_advanced_python_wrapper.sign_in.aws import session_of_profile
from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials
from aws_advanced_python_wrapper.sign_in.aws_errors import call_aws, code_of
from aws_advanced_python_wrapper.sign_in.credentials_source import CredentialsSource
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from aws_advanced_python_wrapper.sign_in.renewed import Age, Fresh
from aws_advanced_python_wrapper.sign_in.saml import adfs, okta, restraint

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.sign_in.saml.grant import Grant

_ASSERTIONS = {"adfs": adfs.assertion, "okta": okta.assertion}
_ACTION = "sts:AssumeRoleWithSAML"
_TRUST = (
    f"check {IAM_ROLE_ARN.name} and {IAM_IDP_ARN.name}, that the identity provider lets this user assume that role, "
    f"and that the role's trust policy allows {_ACTION} to that provider"
)
_MEANINGS = {
    "AccessDenied": f"AWS denies the role: {_TRUST}",
    "ExpiredTokenException": "what the identity provider says has expired already: check its clock",
    "IDPRejectedClaim": f"AWS does not take the identity provider's word: {_TRUST}",
    "InvalidIdentityToken": (
        f"AWS does not know this identity provider's signature: check {IAM_IDP_ARN.name}, and that the provider's "
        "metadata in IAM is up to date"
    ),
    "RegionDisabledException": (
        "the security token service is not active in this region: have it activated for the account"
    ),
}

_SAFETY = 30.0  # s before they expire in which credentials are not used any more


def obtain_credentials(grant: Grant) -> Fresh[AwsCredentials]:
    """Sign in at the identity provider and assume the role. Raises `SignInError`."""
    age = Age()
    assertion = _assertion(grant)
    with quiet():
        credentials = _assume(grant, assertion, age)
    return Fresh.expiring(credentials, credentials.lasts_for, _SAFETY)


def _assertion(grant: Grant) -> str:
    with restraint.visit(grant.account):
        return _ASSERTIONS[grant.provider](grant.account, grant.application)


def _assume(grant: Grant, assertion: str, age: Age) -> AwsCredentials:
    what = f"{grant} were not obtained from the security token service in {grant.region}"
    session = session_of_profile(CredentialsSource(grant.profile))
    client = session.client(what, "sts", grant.region, credentials=None)
    asked = {"RoleArn": grant.role_arn, "PrincipalArn": grant.provider_arn, "SAMLAssertion": assertion}
    answer = call_aws(partial(_assumed, client, what, asked), what, permission=_ACTION)
    found = answer["Credentials"]
    lasts_for = found["Expiration"].timestamp() - time.time() + age.seconds
    if lasts_for <= age.seconds:
        raise SignInError(f"{what}: they have expired already. Check the clock of this machine.")
    return AwsCredentials(
        found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], lasts_for, grant.region, age
    )


def _assumed(client: Any, what: str, asked: dict[str, str]) -> Any:
    try:
        return client.assume_role_with_saml(**asked)
    except ClientError as error:
        if (code := code_of(error)) not in _MEANINGS:
            raise
        problem = SignInError(f"{what} ({code}): {_MEANINGS[code]}.")
    raise problem
