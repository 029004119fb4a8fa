"""In which region the writer of a global database is, as RDS tells it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.parameters.iam import IAM_REGION
from aws_advanced_python_wrapper.sign_in.aws import client_with
from aws_advanced_python_wrapper.sign_in.aws_errors import call_aws
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from aws_advanced_python_wrapper.sign_in.renewed import Fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials

# Every region of a partition knows its global databases.
_SOME_REGION = "us-east-1"


def obtain_region(host: str, credentials: Callable[[], AwsCredentials]) -> Fresh[str]:
    """Return the region of the writer behind a global endpoint: good until a server refuses what was made for it.

    Raises `SignInError`.
    """
    with quiet():
        what = f"The region of {host}, which its name does not tell, was not found. Set {IAM_REGION.name}, or mend this"
        signing, name = credentials(), host.partition(".")[0]
        client = client_with(signing, what, "rds", signing.region or _SOME_REGION)
        ask = partial(client.describe_global_clusters, GlobalClusterIdentifier=name)
        answer = call_aws(ask, what, permission="rds:DescribeGlobalClusters")
    named = [cluster for cluster in answer["GlobalClusters"] if cluster["GlobalClusterIdentifier"].lower() == name]
    regions = [_region(member) for cluster in named for member in _writers(cluster)]
    if not regions:
        raise SignInError(f"{what}: RDS knows no writer of a global database '{name}'.")
    return Fresh(regions[0], math.inf)


def _writers(cluster: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [member for member in cluster.get("GlobalClusterMembers", ()) if member.get("IsWriter")]


def _region(member: Mapping[str, Any]) -> str:
    return str(member["DBClusterArn"]).split(":")[3]
