"""Calls of the AWS beside a local cluster, with botocore."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local import LocalCluster

ROLE = "arn:aws:iam::123456789012:role/app"


def client(cluster: LocalCluster, service: str, attempts: int = 1, **own: Any) -> Any:
    """Return botocore's client with the cluster's access key, or with `own` arguments."""
    key = {"aws_access_key_id": cluster.aws.access_key_id, "aws_secret_access_key": cluster.aws.secret_access_key}
    retries = {"mode": "standard", "total_max_attempts": attempts}
    config = own.pop("config", Config(retries=retries))
    arguments = {"region_name": cluster.aws.region, "endpoint_url": cluster.aws.endpoint, **key, **own}
    return botocore.session.Session().create_client(service, config=config, **arguments)


def session_key(cluster: LocalCluster) -> dict[str, Any]:
    """Return the arguments of a client that uses a session which STS has begun."""
    issued = client(cluster, "sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }


def read_secret(cluster: LocalCluster, stage: str | None = None, **own: Any) -> dict[str, Any]:
    asked_for = {} if stage is None else {"VersionStage": stage}
    answer = client(cluster, "secretsmanager", **own).get_secret_value(SecretId=cluster.aws.secret_id, **asked_for)
    value: dict[str, Any] = json.loads(answer["SecretString"])
    return value


def refusal(call: Callable[[], object]) -> tuple[str, int]:
    """Return the code and the HTTP status with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def identity(cluster: LocalCluster, **own: Any) -> Any:
    return client(cluster, "sts", **own).get_caller_identity()
