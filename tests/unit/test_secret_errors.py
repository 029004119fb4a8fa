from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.testing import FakeCluster, connect
from support.secrecy import shown
from support.secrets import GET, PLUGIN, refusal, refusal_of, secret

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    network.passwords = {"first"}
    return FakeCluster(network)


def arn(partition: str, region: str, name: str) -> str:
    return f"arn:{partition}:secretsmanager:{region}:123456789012:secret:{name}"


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "eu-west-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
    ],
)
def test_an_arn_of_any_partition_tells_the_region(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws, partition: str, region: str
) -> None:
    # The ARN of another account: it is not found, and asked for in its own region.
    told = refusal_of(network, cluster, arn(partition, region, "x"))
    assert f"in {region} was not found" in told
    assert aws.gate.calls() == {GET: 1}


@pytest.mark.parametrize("cut", [0, 7])
def test_an_arn_finds_the_secret_also_without_its_end(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    name = aws.put_secret(secret())
    whole = aws.ask("secretsmanager", "describe_secret", SecretId=name)["ARN"]
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    connect(network, cluster.writer_endpoint, PLUGIN, secrets_manager_secret_id=whole[: len(whole) - cut])

    assert network.opened[-1].arguments["password"] == "first"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"secrets_manager_secret_id": None}, "needs a secret: give secrets_manager_secret_id"),
        ({"secrets_manager_secret_id": " "}, "Parameter secrets_manager_secret_id: ' ' is not accepted"),
        ({"secrets_manager_secret_id": "arn:aws:rds:us-east-2:1:db:x"}, "is no ARN of a secret"),
        (
            {"secrets_manager_secret_id": arn("aws", "us-east-2", "x"), "secrets_manager_region": "us-east-1"},
            "secrets_manager_region is us-east-1, and the ARN of the secret says us-east-2",
        ),
        ({"secrets_manager_region": "us-east-2a"}, "Parameter secrets_manager_region: 'us-east-2a' is not accepted"),
        ({"secrets_manager_endpoint": "localhost:4566"}, "Parameter secrets_manager_endpoint: 'localhost:4566' is not"),
        ({"secrets_manager_endpoint": "http://h:x"}, "Parameter secrets_manager_endpoint: 'http://h:x' is not"),
    ],
)
def test_mistakes_are_told_before_anything_is_connected(
    network: FakeNetwork, cluster: FakeCluster, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(AwsWrapperError, match=re.escape(told)):
        connect(network, cluster.writer_endpoint, PLUGIN, **{"secrets_manager_secret_id": "x", **given})
    assert network.attempts == []


@pytest.mark.parametrize("name", ["secrets_manager_endpoint", "iam_host"])
def test_a_password_in_a_url_is_not_shown(network: FakeNetwork, cluster: FakeCluster, name: str) -> None:
    given: dict[str, Any] = {name: "http://jane:hunter2@localhost:4566"}
    with pytest.raises(AwsWrapperError, match=f"Parameter {name}: this value is not accepted") as refused:
        connect(network, cluster.writer_endpoint, PLUGIN, secrets_manager_secret_id="x", **given)
    assert "hunter2" not in shown(refused.value)


def test_a_region_that_nothing_tells_is_asked_for(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    del aws
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "Set secrets_manager_region" in refusal_of(network, cluster, "x")


def test_the_region_of_a_container_counts(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert "in us-east-2 was not found" in refusal_of(network, cluster, "x")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "in eu-west-1 was not found" in refusal_of(network, cluster, "y")
    assert aws.gate.calls() == {GET: 2}


def test_empty_texts_count_as_not_given(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    name = aws.put_secret(secret())
    given: dict[str, Any] = {"secrets_manager_region": "", "secrets_manager_endpoint": ""}
    connect(network, cluster.writer_endpoint, PLUGIN, secrets_manager_secret_id=name, **given)
    assert aws.gate.calls() == {GET: 1}


def test_an_endpoint_of_the_programs_own_is_asked(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = aws.put_secret(secret())
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    given: dict[str, Any] = {"secrets_manager_secret_id": name, "secrets_manager_endpoint": aws.endpoint}
    connect(network, cluster.writer_endpoint, PLUGIN, **given)
    assert aws.gate.calls() == {GET: 1}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("s3cr3t", "is not a JSON object"),
        ('["s3cr3t"]', "is not a JSON object"),
        (
            json.dumps({"password": "s3cr3t"}),
            "has no 'username': store it, or give secrets_manager_secret_username",
        ),
        (
            json.dumps({"username": "s3cr3t"}),
            "has no 'password': store it, or give secrets_manager_secret_password",
        ),
        (json.dumps({"username": "s3cr3t", "password": 5}), "has a 'password' that is no text"),
        (json.dumps({"username": ["s3cr3t"], "password": "x"}), "has a 'username' that is no text"),
        (json.dumps({"username": "s3cr3t", "password": ""}), "has no text of at least one character as 'password'"),
    ],
)
def test_a_secret_that_is_no_use_is_explained_without_its_content(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, content: str, told: str
) -> None:
    name = aws.put_secret(content)
    text = refusal(flavour, network, cluster.writer_endpoint, name)
    assert f"The secret '{name}' in us-east-2 {told}" in text
    assert "s3cr3t" not in text


def test_a_binary_secret_is_refused(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    aws.ask("secretsmanager", "create_secret", Name="binary", SecretBinary=b"s3cr3t")
    assert "is binary" in refusal_of(network, cluster, "binary")


def test_one_that_is_not_there_is_told(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    del aws
    text = refusal(flavour, network, cluster.writer_endpoint, "nowhere")
    assert "The secret 'nowhere' in us-east-2 was not found: check its name and region" in text


def test_a_denial_names_the_permission(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    aws.faults.deny(GET)
    told = refusal_of(network, cluster, "x")
    assert "AWS denies access (AccessDeniedException" in told
    assert f"Allow {GET}" in told


def test_throttling_is_waited_out_and_told_where_it_goes_on(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())
    aws.faults.throttle(1)
    connect(network, cluster.writer_endpoint, PLUGIN, secrets_manager_secret_id=name)
    assert aws.gate.calls() == {GET: 2}
    network.opened.clear()

    aws.faults.throttle(None)
    assert "AWS throttles the requests of this account" in refusal_of(network, cluster, "another")


def test_expired_and_unknown_credentials_are_told(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    aws.keys.revoke(aws.key.access_key_id)
    assert "AWS does not accept the credentials (UnrecognizedClientException)" in refusal_of(network, cluster, "x")

    aws.keys.add(aws.key.access_key_id, aws.key.secret_key, None, 1.0)
    assert "the AWS credentials have expired (ExpiredTokenException)" in refusal_of(network, cluster, "y")

    aws.keys.add(aws.key.access_key_id, "another secret", None, 2e9)
    assert "does not accept the credentials (InvalidSignatureException)" in refusal_of(network, cluster, "z")


def test_services_that_fail_or_cannot_be_reached_are_told(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    aws.faults.fail()
    assert "AWS has answered" in refusal_of(network, cluster, "x")
    aws.api.stop()
    told = refusal_of(network, cluster, "y")
    assert f"{aws.endpoint}/ cannot be reached" in told


def test_a_connection_waits_no_longer_than_it_may(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    aws.faults.slow(60)
    text = refusal(flavour, network, cluster.writer_endpoint, "x", connect_timeout=1)
    assert "could not be obtained within the time allowed" in text
