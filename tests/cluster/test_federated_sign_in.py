"""Signing in by way of AD FS and Okta, to instances that check the tokens."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperError, FailoverSuccessError
from aws_advanced_python_wrapper.local.environment import environment
from aws_advanced_python_wrapper.sign_in import attempts
from aws_advanced_python_wrapper.sign_in.saml import sign_in
from cluster.drivers import every_driver
from cluster.support import assert_on_true_writer, instance_of, program, value
from support.secrecy import keep_secret, revealed
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.idp.client import Provider
    from aws_advanced_python_wrapper.local.idp.realm import State
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

one_driver = pytest.mark.drivers("psycopg")
"""For what comes before there is a token, and a driver to hand it to."""

both_providers = pytest.mark.parametrize("provider", ["adfs", "okta"])

ASSUME = "sts:AssumeRoleWithSAML"
SIGN_IN_PAGES = {"adfs": "adfs POST /adfs/ls/IdpInitiatedSignOn.aspx", "okta": "okta POST /api/v1/authn"}
REFUSED = r"authentication failed|Access denied"


@pytest.fixture
def cluster(iam_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> LocalCluster:
    """The cluster with its identity providers, which this process trusts."""
    direct = ",".join([*iam_cluster.idp.hosts, os.environ["NO_PROXY"]])
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, direct)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(iam_cluster.idp.ca_bundle))
    keep_secret(iam_cluster.idp.parameters("adfs")["idp_password"])
    return iam_cluster


Enter = Callable[..., Any]


@pytest.fixture
def enter(connect: Connect, cluster: LocalCluster, driver: Driver) -> Enter:
    """Return what connects as the user of an identity provider, who is in the database by another name."""

    def signed_in(provider: Provider = "okta", host: str | None = None, **more: Any) -> Any:
        own = {"user": None, "password": None, **driver.verified_tls(cluster.ca_file)}
        return connect(cluster, host, **{**own, **cluster.idp.parameters(provider), **more})

    return signed_in


def user_of(connection: Any) -> str:
    return str(value(connection, "SELECT CURRENT_USER")).partition("@")[0]


def refusal(enter: Enter, *arguments: Any, **more: Any) -> str:
    """Try to connect; return the error's text."""
    with pytest.raises(AwsWrapperError) as raised:
        enter(*arguments, **more)
    return str(raised.value)


def sign_ins(cluster: LocalCluster) -> int:
    calls = cluster.idp.calls()
    return sum(calls.get(page, 0) for page in SIGN_IN_PAGES.values())


def refused_tokens(cluster: LocalCluster) -> int:
    return len([event for event in cluster.history() if event.what == "token refused"])


@both_providers
def test_the_user_of_a_provider_is_let_in_at_every_endpoint(
    cluster: LocalCluster, enter: Enter, provider: Provider
) -> None:
    for host in (cluster.writer_endpoint, cluster.reader_endpoint, cluster.readers[0].host):
        connection = enter(provider, host)
        assert user_of(connection) == cluster.iam_user
    assert cluster.idp.calls()[SIGN_IN_PAGES[provider]] == 1
    assert cluster.aws.calls() == {ASSUME: 1}


def test_a_failover_needs_neither_provider_nor_aws(cluster: LocalCluster, enter: Enter) -> None:
    more = cluster.idp.parameters("okta")["plugins"] + ",failover,aurora_connection_tracker"
    connection = enter(plugins=more)
    before = instance_of(connection)
    cluster.idp.take_down()
    cluster.aws.take_down()
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert instance_of(connection) != before
    assert_on_true_writer(cluster, connection)
    assert user_of(connection) == cluster.iam_user


@one_driver
def test_new_connections_need_them_only_when_nothing_is_kept(cluster: LocalCluster, enter: Enter) -> None:
    enter()
    cluster.idp.take_down()
    cluster.aws.take_down()
    assert user_of(enter()) == cluster.iam_user
    message = refusal(enter, "adfs")
    assert cluster.idp.parameters("adfs")["idp_endpoint"] in message
    assert "cannot be reached (Connection refused): check idp_endpoint and idp_port" in message


def test_keys_and_tokens_are_renewed_in_the_background(cluster: LocalCluster, enter: Enter) -> None:
    cluster.aws.set_session_duration(3)
    before = refused_tokens(cluster)
    kept = enter()
    eventually(lambda: cluster.aws.calls()[ASSUME] >= 3)  # those of the first time have expired
    cluster.idp.take_down()
    assert user_of(enter()) == cluster.iam_user
    assert refused_tokens(cluster) == before
    kept.close()


def test_keys_that_were_revoked_are_replaced_once(
    cluster: LocalCluster, enter: Enter, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    enter()
    revoke_keys(cluster)
    assert user_of(enter()) == cluster.iam_user
    assert (sign_ins(cluster), cluster.aws.calls()[ASSUME]) == (2, 2)

    revoke_keys(cluster)
    cluster.idp.set_state("locked")
    with pytest.raises(driver.module.Error, match=REFUSED) as raised:
        enter()
    assert "has locked the account" in str(raised.value.__cause__)


def revoke_keys(cluster: LocalCluster) -> None:
    """Have the keys count no more that this process holds."""
    for renewed in sign_in._CREDENTIALS._values.values():
        held = renewed._held
        assert held is not None
        cluster.aws.revoke(held.value.access_key)


def test_a_user_whom_the_database_does_not_know_is_refused_by_it(
    cluster: LocalCluster, enter: Enter, driver: Driver
) -> None:
    for _ in range(2):
        with pytest.raises(driver.module.Error, match=REFUSED) as raised:
            enter(db_user="nobody")
        assert not isinstance(raised.value, AwsWrapperError)
    assert sign_ins(cluster) == 1


@one_driver
@both_providers
@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("locked", "has locked the account of jane@example.com"),
        ("password_expired", "says that the password of jane@example.com has expired"),
        ("mfa_required", "wants jane@example.com to prove more than a password"),
        ("not_assigned", "does not let"),
        ("stale", "(ExpiredTokenException): what the identity provider says has expired already"),
        ("broken", "answers HTTP 503"),
    ],
)
def test_what_is_wrong_is_explained(
    cluster: LocalCluster, enter: Enter, provider: Provider, state: State, told: str
) -> None:
    cluster.idp.set_state(state)
    assert told in refusal(enter, provider)


@one_driver
@both_providers
def test_a_wrong_password_is_told_and_nothing_else(cluster: LocalCluster, enter: Enter, provider: Provider) -> None:
    message = refusal(enter, provider, idp_password="guessed")
    assert "check idp_username and idp_password" in message
    assert "guessed" not in message
    assert cluster.aws.calls() == {}


@one_driver
@both_providers
def test_a_provider_for_whom_nobody_vouches_is_told_no_password(
    cluster: LocalCluster, enter: Enter, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert "is not accepted" in refusal(enter, provider)
    assert cluster.idp.calls() == {}


@one_driver
@both_providers
def test_no_secret_is_logged(enter: Enter, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    enter(provider)
    refusal(enter, provider, idp_password="guessed")
    assert revealed(caplog.text) is None
    assert "guessed" not in caplog.text


@one_driver
def test_a_program_that_is_run_beside_a_cluster_signs_in(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in environment(cluster).items():
        monkeypatch.setenv(name, text)
    for name in ("PGUSER", "PGPASSWORD"):
        monkeypatch.delenv(name)
    code = """
    import json, sys
    import psycopg
    from aws_advanced_python_wrapper import AwsWrapperConnection

    with AwsWrapperConnection.connect(psycopg.connect, "", **json.loads(sys.argv[1])) as connection:
        print(connection.execute("SELECT current_user").fetchone()[0])
    """
    assert program(code, json.dumps(cluster.idp.parameters("adfs"))) == cluster.iam_user
