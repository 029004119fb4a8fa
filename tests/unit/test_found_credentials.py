"""AWS credentials that are at hand, whatever AWS does meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials

from aws_advanced_python_wrapper.aws_credentials_manager import AwsCredentialsManager
from aws_advanced_python_wrapper.converters import Parameter, is_secret
from aws_advanced_python_wrapper.parameters import iam, secrets_manager
from aws_advanced_python_wrapper.properties import Settings
from aws_advanced_python_wrapper.sign_in import attempts, found_credentials
from aws_advanced_python_wrapper.sign_in.credentials_source import CredentialsSource
from aws_advanced_python_wrapper.testing import FakeAdapter, FakeCluster, LoginError, connect
from support.tokens import TokensOf, opened, query_of, token_of
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour

ROLE = {"aws_profile": "role"}


@pytest.fixture
def cluster(network: FakeNetwork, aws: Aws) -> FakeCluster:
    made = FakeCluster(network)
    network.passwords = TokensOf(aws, made.writer_endpoint, made.reader_endpoint, *(host.name for host in made.hosts))
    return made


@pytest.fixture
def role(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the profile `role` there, whose credentials last for less time than AWS's library likes."""
    aws.write_profiles(
        base={"aws_access_key_id": aws.key.access_key_id, "aws_secret_access_key": aws.key.secret_key},
        role={"role_arn": "arn:aws:iam::123456789012:role/app", "source_profile": "base", "region": "us-east-2"},
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    aws.sessions.duration = 500
    yield
    aws.sessions.duration = None


@pytest.mark.usefixtures("role")
def test_tokens_are_signed_while_aws_does_not_answer(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    async def scenario() -> None:
        first = await opened(flavour, network, cluster.writer_endpoint, **ROLE)
        aws.faults.slow(60)
        for host in (cluster.reader_endpoint, *(host.name for host in cluster.hosts)):
            await opened(flavour, network, host, connect_timeout=20, **ROLE)
        del first

    flavour.run(scenario())
    assert aws.gate.calls() == {"sts:AssumeRole": 1}


@pytest.mark.usefixtures("role")
def test_credentials_are_renewed_in_the_background(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    aws.sessions.duration = 4

    async def scenario() -> None:
        kept = await opened(flavour, network, cluster.writer_endpoint, **ROLE)
        eventually(lambda: aws.gate.calls()["sts:AssumeRole"] > 1)
        del kept

    flavour.run(scenario())


def test_files_that_change_are_noticed_without_a_refusal(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_credentials, "_LOOK_AGAIN", 0.1)
    aws.keys.add("AKIANEW", "new", None, 2e9)
    aws.write_profiles(base={"aws_access_key_id": aws.key.access_key_id, "aws_secret_access_key": aws.key.secret_key})

    async def scenario() -> None:
        kept = await opened(flavour, network, cluster.writer_endpoint, aws_profile="base", iam_expiration=1)
        aws.write_profiles(base={"aws_access_key_id": "AKIANEW", "aws_secret_access_key": "new"})
        while "AKIANEW" not in token_of(network):
            await opened(flavour, network, cluster.writer_endpoint, aws_profile="base", iam_expiration=1)
        del kept

    flavour.run(scenario())
    assert len(network.attempts) == len(network.opened)


@pytest.mark.usefixtures("role")
def test_a_wrong_user_leaves_others_the_credentials_at_hand(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)

    async def scenario() -> None:
        await opened(flavour, network, cluster.writer_endpoint, **ROLE)
        aws.api.stop()
        with pytest.raises(LoginError):
            await opened(flavour, network, cluster.writer_endpoint, user="nobody", **ROLE)
        await opened(flavour, network, cluster.reader_endpoint, **ROLE)

    flavour.run(scenario())


def test_variables_that_the_program_changes_count_at_once(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    flavour.run(opened(flavour, network, cluster.writer_endpoint))
    aws.keys.add("AKIANEW", "new", None, 2e9)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANEW")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "new")
    flavour.run(opened(flavour, network, cluster.writer_endpoint))
    assert query_of(token_of(network))["X-Amz-Credential"].startswith("AKIANEW/")
    assert len(network.attempts) == 2


def test_what_is_no_matter_of_signing_in_does_not_have_a_handler_asked_again(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    del aws
    asked: list[str] = []

    def handler(host: Any, properties: Any) -> None:
        asked.append(f"{properties['user']} at {host.host}")

    AwsCredentialsManager.set_custom_handler(handler)
    for number in range(3):
        connect(network, cluster.writer_endpoint, "iam", application_name=f"shop {number}", connect_timeout=20 + number)
    assert len(asked) == 1
    connect(network, cluster.reader_endpoint, "iam")
    assert asked == [f"app at {cluster.writer_endpoint}", f"app at {cluster.reader_endpoint}"]


OF_SIGN_IN = {
    "aws_profile": "role",
    "iam_host": "db.c1x2y3z4abcd.us-east-2.rds.amazonaws.com",
    "iam_default_port": 5433,
    "iam_region": "us-east-2",
    "iam_expiration": 60,
    "secrets_manager_secret_id": "shop",
    "secrets_manager_region": "us-east-2",
    "secrets_manager_endpoint": "https://secrets.example.com",
    "secrets_manager_expiration": 60,
}


def test_connections_that_differ_in_how_they_sign_in_share_nothing_that_a_handler_gives(network: FakeNetwork) -> None:
    AwsCredentialsManager.set_custom_handler(lambda host, properties: None)  # noqa: ARG005
    adapter = FakeAdapter(network, asynchronous=False)

    def key(**given: Any) -> Any:
        settings = Settings.from_arguments(None, given, adapter.parameters, adapter.typed_parameters)
        return CredentialsSource.of(settings, None).key

    assert len({key(), *(key(**{name: value}) for name, value in OF_SIGN_IN.items())}) == 1 + len(OF_SIGN_IN)
    assert key(application_name="shop") == key()
    declared = [
        one.name for room in (iam, secrets_manager) for one in vars(room).values() if isinstance(one, Parameter)
    ]
    assert {name for name in declared if not is_secret(name)} == {*OF_SIGN_IN}


def test_the_credentials_of_a_handlers_session_are_at_hand_for_other_hosts(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    session, calls = botocore.session.Session(), []
    ends = datetime.now(timezone.utc) + timedelta(seconds=500)

    def renewed() -> dict[str, str]:
        calls.append(1)
        keys = {"access_key": aws.key.access_key_id, "secret_key": aws.key.secret_key}
        return {**keys, "token": "", "expiry_time": ends.isoformat()}

    session._credentials = RefreshableCredentials("x", "x", "", datetime.now(timezone.utc), renewed, "test")
    AwsCredentialsManager.set_custom_handler(lambda host, properties: session)  # noqa: ARG005

    async def scenario() -> None:
        for host in (cluster.writer_endpoint, cluster.reader_endpoint):
            await opened(flavour, network, host)

    flavour.run(scenario())
    assert len(calls) == 1
