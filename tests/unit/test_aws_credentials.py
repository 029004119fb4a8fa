from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from aws_advanced_python_wrapper.aws_credentials_manager import AwsCredentialsManager
from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.sign_in.aws import AwsSession
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from aws_advanced_python_wrapper.testing import FakeCluster, connect
from support.tokens import USER, TokensOf, mistake, opened

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


def test_a_handler_gives_the_credentials(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, Any]] = []
    session = boto3.Session(aws.key.access_key_id, aws.key.secret_key)

    def handler(host: Any, properties: Any) -> Any:
        asked.append((host.host, dict(properties)))
        return session

    AwsCredentialsManager.set_custom_handler(handler)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    network.passwords = TokensOf(aws, cluster.writer_endpoint)

    flavour.run(opened(flavour, network, cluster.writer_endpoint, password="s3cr3t", application_name="shop"))

    ((host, properties),) = asked
    assert host == cluster.writer_endpoint
    assert properties["user"] == USER
    assert properties["application_name"] == "shop"
    assert "s3cr3t" not in repr(properties)


def test_sessions_of_botocores_and_none_are_taken_too(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    network.passwords = TokensOf(aws, cluster.writer_endpoint)
    given: list[Any] = [botocore.session.Session(), None]
    for session in given:

        def handler(host: Any, properties: Any, session: Any = session) -> Any:
            del host, properties
            return session

        AwsCredentialsManager.set_custom_handler(handler)
        connect(network, cluster.writer_endpoint, "iam")


def broken(host: Any, properties: Any) -> Any:
    raise LookupError(f"no keys for {host.host} {properties['user']}")


def no_session(host: Any, properties: Any) -> Any:
    del host, properties
    return "keys"


class SessionForAsyncio:
    async def get_credentials(self) -> None: ...


def for_asyncio(host: Any, properties: Any) -> Any:
    del host, properties
    return SessionForAsyncio()


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (broken, "The handler of AwsCredentialsManager, broken, has raised LookupError: no keys for db.cluster-"),
        (no_session, "The handler of AwsCredentialsManager, no_session, has returned a str: return a boto3.Session"),
        (for_asyncio, "for_asyncio, has returned a SessionForAsyncio: return a boto3.Session"),
    ],
)
def test_a_handler_that_fails_is_told(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, handler: Any, told: str
) -> None:
    del aws
    AwsCredentialsManager.set_custom_handler(handler)
    with pytest.raises(AwsWrapperError, match=re.escape(told)):
        flavour.run(opened(flavour, network, cluster.writer_endpoint))


def test_what_is_no_handler_is_refused() -> None:
    handler: Any = "handler"
    with pytest.raises(AwsWrapperError, match="'handler' cannot be called"):
        AwsCredentialsManager.set_custom_handler(handler)


def test_keys_that_have_expired_for_good_are_told(aws: Aws) -> None:
    del aws
    ended = datetime.now(timezone.utc) - timedelta(seconds=1)
    renewed = {"access_key": "AKIAX", "secret_key": "s3cr3t", "token": "t", "expiry_time": ended.isoformat()}
    session = botocore.session.Session()
    session._credentials = RefreshableCredentials("AKIAX", "s3cr3t", "t", ended, lambda: renewed, "test")
    with quiet(), pytest.raises(SignInError, match=r"the AWS credentials have expired, .* Check the clock"):
        AwsSession(session).look_up()


@pytest.mark.parametrize("is_temporary", [True, False])
def test_keys_that_expire_within_a_tokens_life_shorten_it(aws: Aws, is_temporary: bool) -> None:
    ends = datetime.now(timezone.utc) + timedelta(seconds=700)
    temporary = RefreshableCredentials("AKIAX", "secret", "token", ends, dict, "test")
    temporary._advisory_refresh_timeout = 0
    session = botocore.session.Session()
    session._credentials = temporary if is_temporary else Credentials("AKIAX", "secret")
    del aws
    with quiet():
        lasts_for = AwsSession(session).look_up().lasts_for
    assert 690 < lasts_for <= 700 if is_temporary else lasts_for == float("inf")


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        (None, "no AWS credentials were found"),
        ("nobody", "there is no profile 'nobody' in AWS's configuration files: correct aws_profile"),
        ("sso", "sign in again with 'aws sso login --profile sso'"),
        ("half", "Partial credentials found"),
        ("process", "AWS credentials could not be had from custom-process"),
    ],
)
def test_where_there_are_no_credentials_it_is_told_what_to_do(
    network: FakeNetwork,
    cluster: FakeCluster,
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
    profile: str | None,
    told: str,
) -> None:
    aws.write_profiles(
        sso={
            "sso_start_url": "https://example.awsapps.com/start",
            "sso_region": "us-east-2",
            "sso_account_id": "123456789012",
            "sso_role_name": "app",
        },
        half={"aws_access_key_id": "AKIAX"},
        process={"credential_process": "sh -c 'echo s3cr3t >&2; exit 1'"},
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    text = mistake(network, cluster.writer_endpoint, aws_profile=profile)
    assert told in text
    assert "s3cr3t" not in text


def test_objects_that_are_made_anew_for_each_connection_do_not_have_the_handler_asked_again(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    network.passwords = tokens = TokensOf(aws, cluster.writer_endpoint)

    def handler(host: Any, properties: Any) -> None:
        del host, properties

    AwsCredentialsManager.set_custom_handler(handler)
    for _ in range(2):
        connect(network, cluster.writer_endpoint, "iam", on_switch=lambda connection: None)  # noqa: ARG005
    assert len(tokens.seen) == 1
