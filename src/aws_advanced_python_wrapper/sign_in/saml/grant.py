"""What an identity provider and AWS grant together: the credentials of a role, for a while."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from aws_advanced_python_wrapper.cluster.endpoint import analyse
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.federated import IAM_IDP_ARN, IAM_ROLE_ARN
from aws_advanced_python_wrapper.parameters.iam import AWS_PROFILE, IAM_HOST, IAM_REGION
from aws_advanced_python_wrapper.sign_in.saml.account import Account, needed

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.converters import Parameter
    from aws_advanced_python_wrapper.properties import Settings

Provider = Literal["adfs", "okta"]

_ROLE = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::\d{12}:role/\S+")
_PROVIDER = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::\d{12}:saml-provider/\S+")
_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Partition -> the region whose security token service is asked where nothing tells which is near."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Who asks whom for which role; `application` is what stands for AWS at the identity provider.

    Those are equal that ask for the same with the same password.
    """

    provider: Provider
    account: Account
    application: str
    role_arn: str
    provider_arn: str
    region: str
    profile: str | None

    @classmethod
    def of(cls, settings: Settings, provider: Provider, application: str) -> Grant:
        """Return what the settings ask for; raises `AwsWrapperError` for what they lack or have wrong."""
        role = _arn(settings, IAM_ROLE_ARN, _ROLE, "arn:aws:iam::123456789012:role/database-user")
        idp = _arn(settings, IAM_IDP_ARN, _PROVIDER, "arn:aws:iam::123456789012:saml-provider/adfs")
        region = _region(settings, role["partition"])
        profile = settings[AWS_PROFILE] or None
        return cls(provider, Account.of(settings), application, role[0], idp[0], region, profile)

    @property
    def digest(self) -> str:
        """The same for those that are equal. It tells nothing."""
        told = [[getattr(one, known.name) for known in fields(one)] for one in (self, self.account)]
        return hashlib.sha256(repr(told).encode()).hexdigest()

    @property
    def asked(self) -> str:
        """Who has to answer before there are credentials, as messages have it."""
        return f"{self.account.address} or AWS"

    def __str__(self) -> str:
        return f"The credentials of {self.role_arn} for {self.account.username} of {self.account.address}"


def _arn(settings: Settings, parameter: Parameter[str | None], form: re.Pattern[str], example: str) -> re.Match[str]:
    given = needed(settings, parameter).strip()
    found = form.fullmatch(given)
    if found is None:
        raise AwsWrapperError(f"Parameter {parameter.name}: {given!r} is not accepted, give an ARN such as {example}.")
    return found


def _region(settings: Settings, partition: str) -> str:
    """Return the region whose security token service is asked: the user's, wherever a failover leads."""
    by_name = (analyse(name).region for name in (settings[IAM_HOST], settings.driver.get("host")) if name)
    region = settings[IAM_REGION] or next(filter(None, by_name), None) or _REGIONS.get(partition)
    if region is None:
        raise AwsWrapperError(
            f"Parameter {IAM_REGION.name} is needed, as the host does not tell its region in {partition}."
        )
    return region
