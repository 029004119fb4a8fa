from __future__ import annotations

import re
import sys
import threading
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.aws_credentials_manager import AwsCredentialsManager
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.errors import AwsWrapperError, FailoverFailedError
from aws_advanced_python_wrapper.sign_in import attempts
from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials
from aws_advanced_python_wrapper.sign_in.endpoints import TokenPurpose
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from aws_advanced_python_wrapper.sign_in.tokens import obtain_token, sign
from aws_advanced_python_wrapper.testing import FakeCluster, LoginError, connect
from support.tokens import USER, TokensOf, opened, query_of, token_of
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    return FakeCluster(network)


def keys_in_a_file(aws: Aws, access_key_id: str, secret_key: str) -> None:
    aws.keys.add(access_key_id, secret_key, None, 2e9)
    aws.write_profiles(base={"aws_access_key_id": access_key_id, "aws_secret_access_key": secret_key})


@pytest.mark.parametrize("session_token", [None, "a/session+token=" * 40])
@pytest.mark.parametrize("user", ["app", "jane.doe+o'hara@example.com", "Jürgen"])
def test_a_token_is_what_a_client_of_rds_makes(user: str, session_token: str | None) -> None:
    credentials = AwsCredentials("AKIAEXAMPLE", "a secret", session_token)
    purpose = TokenPurpose("cn-north-1", "db.c1x2y3z4abcd.rds.cn-north-1.amazonaws.com.cn", 5432, user)
    given: dict[str, Any] = {
        "aws_access_key_id": "AKIAEXAMPLE",
        "aws_secret_access_key": "a secret",
        "aws_session_token": session_token,
    }
    with quiet():
        client = botocore.session.Session().create_client("rds", region_name="us-east-1", **given)
        ours = theirs = ""
        while query_of(ours).get("X-Amz-Date") != query_of(theirs).get("X-Amz-Date") or not ours:  # the second may end
            ours = sign(credentials, purpose)
            theirs = client.generate_db_auth_token(purpose.host, purpose.port, user, purpose.region)
    assert (ours == theirs) is True  # without showing them


@pytest.mark.parametrize(
    ("expiration", "lasts_for", "usable_for"),
    [(870, float("inf"), 870), (2000, float("inf"), 870), (60, float("inf"), 60), (870, 300, 300)],
)
def test_a_token_is_used_as_long_as_it_and_its_credentials_are_good(
    expiration: float, lasts_for: float, usable_for: float
) -> None:
    purpose = TokenPurpose("us-east-2", "db.example.com", 5432, USER)
    fresh = obtain_token(purpose, lambda: AwsCredentials("AKIAEXAMPLE", "a secret", None, lasts_for), expiration)
    assert fresh.usable_for == pytest.approx(usable_for, abs=1)
    assert fresh.renew_after == pytest.approx(usable_for * 2 / 3, abs=1)


def test_no_repr_shows_a_secret(aws: Aws) -> None:
    credentials = AwsCredentials("AKIAEXAMPLE", "s3cr3t", "t0k3n")
    fresh = obtain_token(TokenPurpose("us-east-2", "db.example.com", 5432, USER), lambda: credentials)
    shown = f"{credentials!r} {credentials} {fresh!r} {fresh.value!r} {aws.key!r}"
    assert not re.search("s3cr3t|t0k3n|Signature", shown)


def test_a_connection_is_opened_with_a_token(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    network.passwords = TokensOf(aws, cluster.writer_endpoint)
    flavour.run(opened(flavour, network, cluster.writer_endpoint, password="wrong"))
    assert network.opened[-1].arguments["user"] == USER


def test_a_failover_goes_on_with_a_token_for_the_new_host(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    names = [host.name for host in cluster.hosts]
    network.passwords = TokensOf(aws, cluster.writer_endpoint, *names)

    async def scenario() -> str:
        session_of = await opened(flavour, network, cluster.writer_endpoint, "iam,failover")
        session = session_of._session
        cluster.fail_over(to=2)
        with pytest.raises(Exception, match="lost"):
            await flavour.execute(session, "SELECT 1")
        return await flavour.execute(session, "SELECT 1")

    assert flavour.run(scenario()) == "db-2"
    assert token_of(network).startswith(f"{cluster[2].name}:5432/")


def test_a_failover_that_finds_no_credentials_says_why(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    del aws

    def nothing_left(host: Any, properties: Any) -> None:
        del host, properties
        raise LookupError("the safe is locked")

    async def scenario() -> None:
        connection = await opened(flavour, network, cluster.writer_endpoint, "iam,failover", failover_timeout_sec=0.5)
        AwsCredentialsManager.set_custom_handler(nothing_left)
        cluster.fail_over(to=2)
        await flavour.execute(connection._session, "SELECT 1")

    with pytest.raises(FailoverFailedError, match="the safe is locked"):
        flavour.run(scenario())


def test_a_token_is_signed_once_and_asks_nobody(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.write_profiles(
        base={"aws_access_key_id": aws.key.access_key_id, "aws_secret_access_key": aws.key.secret_key},
        role={"role_arn": "arn:aws:iam::123456789012:role/app", "source_profile": "base", "region": "us-east-2"},
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    network.passwords = tokens = TokensOf(aws, cluster.writer_endpoint)

    async def scenario() -> None:
        attempts = [opened(flavour, network, cluster.writer_endpoint, aws_profile="role") for _ in range(10)]
        assert not [error for error in await flavour.together(*attempts) if isinstance(error, BaseException)]
        await opened(flavour, network, cluster.writer_endpoint, aws_profile="role")

    flavour.run(scenario())
    assert len(tokens.seen) == 1
    assert aws.gate.calls() == {"sts:AssumeRole": 1}
    assert query_of(token_of(network))["X-Amz-Credential"].startswith("ASIA")


def test_users_and_profiles_never_have_each_others_tokens(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        aws.keys.add(f"AKIA{name.upper()}", name, None, 2e9)
    aws.write_profiles(
        **{name: {"aws_access_key_id": f"AKIA{name.upper()}", "aws_secret_access_key": name} for name in ("one", "two")}
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    async def scenario() -> None:
        for profile in ("one", "two", "one"):
            for user in ("jane", "john"):
                await opened(flavour, network, cluster.writer_endpoint, user=user, aws_profile=profile)
                query = query_of(token_of(network))
                assert query["DBUser"] == user
                assert query["X-Amz-Credential"].startswith(f"AKIA{profile.upper()}/")

    flavour.run(scenario())


def test_a_refused_token_that_was_at_hand_is_replaced_once(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    network.passwords = tokens = TokensOf(aws, cluster.writer_endpoint)
    keys_in_a_file(aws, aws.key.access_key_id, aws.key.secret_key)
    flavour.run(opened(flavour, network, cluster.writer_endpoint, aws_profile="base"))
    aws.keys.revoke(aws.key.access_key_id)
    keys_in_a_file(aws, "AKIANEW", "new")
    before = len(network.attempts)

    flavour.run(opened(flavour, network, cluster.writer_endpoint, aws_profile="base"))

    assert len(network.attempts) == before + 2
    assert query_of(token_of(network))["X-Amz-Credential"].startswith("AKIANEW/")
    assert len(tokens.seen) == 2


def test_a_token_for_another_host_is_made_with_new_keys_where_those_at_hand_were_revoked(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    network.passwords = TokensOf(aws, cluster.writer_endpoint, cluster.reader_endpoint)
    keys_in_a_file(aws, aws.key.access_key_id, aws.key.secret_key)
    connect(network, cluster.writer_endpoint, "iam", aws_profile="base")
    aws.keys.revoke(aws.key.access_key_id)
    keys_in_a_file(aws, "AKIANEW", "new")

    connect(network, cluster.reader_endpoint, "iam", aws_profile="base")

    assert query_of(token_of(network))["X-Amz-Credential"].startswith("AKIANEW/")


def test_however_long_it_takes_to_look_keys_up_there_is_one_more_attempt(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    network.passwords = TokensOf(aws, "another.host")
    with pytest.raises(LoginError):
        flavour.run(opened(flavour, network, cluster.writer_endpoint))
    assert len(network.attempts) == 2


def test_a_fresh_token_that_is_refused_ends_with_the_servers_own_error(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    network.passwords = TokensOf(aws, "another.host")
    with pytest.raises(LoginError) as raised:
        flavour.run(opened(flavour, network, cluster.writer_endpoint))
    assert type(raised.value) is LoginError
    assert len(network.attempts) == 1


def test_a_token_is_renewed_before_it_expires(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    network.passwords = tokens = TokensOf(aws, cluster.writer_endpoint)

    async def scenario() -> Any:
        kept = await opened(flavour, network, cluster.writer_endpoint, iam_expiration=1)
        first = token_of(network)
        # Tokens signed within one second are the same.
        while token_of(network) == first:
            await opened(flavour, network, cluster.writer_endpoint, iam_expiration=1)
        return kept

    kept = flavour.run(scenario())
    assert len(tokens.seen) == 2
    del kept


def test_tokens_are_signed_while_aws_is_down(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    aws.api.stop()
    network.passwords = TokensOf(aws, cluster.writer_endpoint)
    flavour.run(opened(flavour, network, cluster.writer_endpoint))


def test_a_missing_library_is_told_with_the_extra_to_install(
    network: FakeNetwork, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    for plugin, given in (("iam", {}), ("aws_secrets_manager", {"secrets_manager_secret_id": "x"})):
        with pytest.raises(AwsWrapperError, match=re.escape("pip install 'aws-advanced-python-driver[aws]'")):
            connect(network, cluster.writer_endpoint, plugin, **given)


def test_one_plugin_signs_in() -> None:
    with pytest.raises(AwsWrapperError, match="both sign in: keep one of them"):
        plugin_classes(["iam", "aws_secrets_manager"], sort=True)


def test_nothing_is_left_behind(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    network.passwords = TokensOf(aws, cluster.writer_endpoint)
    connect(network, cluster.writer_endpoint, "iam").close()
    release_resources()
    eventually(lambda: not any(thread.name.startswith("sign-in") for thread in threading.enumerate()))
