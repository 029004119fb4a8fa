"""Signing in with IAM tokens, which the instances check."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import boto3
import botocore.auth
import pytest
import trustme

from aws_advanced_python_wrapper import AwsWrapperError, FailoverSuccessError
from aws_advanced_python_wrapper.aws_credentials_manager import AwsCredentialsManager
from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
from aws_advanced_python_wrapper.sign_in import attempts
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from cluster.drivers import every_driver
from cluster.support import assert_on_true_writer, instance_of, value
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aws_advanced_python_wrapper.driver.contract import DriverIo
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

asked_for_tls = pytest.mark.drivers("postgresql", "mysql-c", "mysql-pure", "mysql-aio")
"""The drivers that use TLS where it is needed though nobody says so: aiomysql wants to be given a context."""

ROLE = "arn:aws:iam::123456789012:role/app"
REFUSED = r"authentication failed|Access denied"


@pytest.fixture
def role_profile(iam_cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the profile `role` there, whose credentials STS gives out: they have a session token, and end."""
    aws = iam_cluster.aws
    (tmp_path / "config").write_text(
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = base\nregion = {aws.region}\n"
        f"[profile base]\naws_access_key_id = {aws.access_key_id}\naws_secret_access_key = {aws.secret_access_key}\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)


@pytest.fixture
def no_handler_after() -> Iterator[None]:
    yield
    AwsCredentialsManager.reset_custom_handler()


def signed_in(connect: Connect, cluster: LocalCluster, driver: Driver, host: str | None = None, **more: Any) -> Any:
    """Connect as the user of IAM, with the server's certificate checked."""
    given = {"plugins": "iam", "user": cluster.iam_user, **driver.verified_tls(cluster.ca_file), **more}
    return connect(cluster, host, **given)


def user_of(connection: Any) -> str:
    return str(value(connection, "SELECT CURRENT_USER")).partition("@")[0]


def refusals(cluster: LocalCluster) -> list[str]:
    """Return why the cluster has refused tokens, in order."""
    return [event.detail for event in cluster.history() if event.what == "token refused"]


def test_a_token_opens_a_connection_at_every_endpoint(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    cluster = iam_cluster
    for host in (cluster.writer_endpoint, cluster.reader_endpoint, cluster.readers[0].host):
        assert user_of(signed_in(connect, cluster, driver, host)) == cluster.iam_user
    assert cluster.aws.calls() == {}


@asked_for_tls
def test_a_connection_is_encrypted_though_nobody_asks_for_it(iam_cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(iam_cluster, plugins="iam", user=iam_cluster.iam_user)
    assert user_of(connection) == iam_cluster.iam_user


@pytest.mark.usefixtures("role_profile")
def test_a_warm_connection_asks_nothing_of_aws(iam_cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    for _ in range(3):
        signed_in(connect, iam_cluster, driver, aws_profile="role")
    signed_in(connect, iam_cluster, driver, iam_cluster.readers[0].host, aws_profile="role")
    assert iam_cluster.aws.calls() == {"sts:AssumeRole": 1}


def test_a_failover_signs_in_at_the_new_writer(iam_cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection = signed_in(connect, iam_cluster, driver, plugins="iam,failover,aurora_connection_tracker")
    before = instance_of(connection)
    iam_cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert instance_of(connection) != before
    assert_on_true_writer(iam_cluster, connection)
    assert user_of(connection) == iam_cluster.iam_user


@asked_for_tls
def test_a_failover_signs_in_where_all_hosts_go_by_other_names(
    iam_cluster: LocalCluster, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def canonical_name(_adapter: DriverAdapter, _io: DriverIo, host: str) -> str:
        return host  # as with a jump box, of whose names DNS does not tell what is behind them

    monkeypatch.setattr(DriverAdapter, "canonical_name", canonical_name)
    cluster, domain = iam_cluster, f"{iam_cluster.settings.engine}.jump.example.com"
    for instance in cluster.instances:
        cluster.alias(f"{instance.name}.{domain}", instance.host)
    given = {"user": cluster.iam_user, "iam_host": cluster.writer_endpoint, "plugins": "iam,failover"}
    connection = connect(cluster, cluster.alias(f"db.{domain}"), cluster_instance_host_pattern=f"?.{domain}", **given)
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)
    assert user_of(connection) == cluster.iam_user


@pytest.mark.usefixtures("role_profile")
def test_a_failover_needs_no_aws(iam_cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    connection = signed_in(connect, iam_cluster, driver, plugins="iam,failover", aws_profile="role")
    iam_cluster.aws.take_down()
    iam_cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert user_of(connection) == iam_cluster.iam_user


@pytest.mark.usefixtures("role_profile")
@pytest.mark.parametrize("trouble", ["take_down", "throttle"])
def test_where_aws_gives_no_credentials_the_error_says_why(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver, trouble: str
) -> None:
    getattr(iam_cluster.aws, trouble)()
    told = {"take_down": "cannot be reached", "throttle": "AWS throttles the requests"}[trouble]
    with pytest.raises(AwsWrapperError, match=f"An IAM token cannot be signed: .*{told}") as raised:
        signed_in(connect, iam_cluster, driver, aws_profile="role")
    assert isinstance(raised.value, driver.module.Error)


# Tokens that are refused


@pytest.mark.usefixtures("no_handler_after")
def test_a_token_of_expired_keys_is_replaced(iam_cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    """The handler's sessions do not tell when they end: only the server finds out."""
    cluster = iam_cluster

    def begin_session(host: Any, properties: Any) -> boto3.Session:
        del host, properties
        with quiet():
            keys = boto3.Session().client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
        return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    AwsCredentialsManager.set_custom_handler(begin_session)
    cluster.aws.set_session_duration(2)
    signed_in(connect, cluster, driver)
    cluster.aws.set_session_duration(None)
    before, sessions = len(refusals(cluster)), cluster.aws.calls()

    def is_replaced() -> bool:
        assert user_of(signed_in(connect, cluster, driver)) == cluster.iam_user
        return cluster.aws.calls() != sessions

    eventually(is_replaced)
    assert ["expired" in reason for reason in refusals(cluster)[before:]] == [True]


def test_a_token_of_revoked_credentials_is_replaced_and_then_refused_for_good(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    signed_in(connect, iam_cluster, driver)
    iam_cluster.aws.revoke(iam_cluster.aws.access_key_id)
    before = len(refusals(iam_cluster))
    with pytest.raises(driver.module.Error, match=REFUSED) as raised:
        signed_in(connect, iam_cluster, driver)
    assert not isinstance(raised.value, AwsWrapperError)
    assert ["not known" in reason for reason in refusals(iam_cluster)[before:]] == [True, True]


@pytest.mark.parametrize("wrong", ["host", "region"])
def test_a_token_for_another_host_or_region_is_refused(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver, wrong: str
) -> None:
    writer, reader, region = iam_cluster.writer.host, iam_cluster.readers[0].host, iam_cluster.settings.region
    other = reader if wrong == "host" else writer.replace(region, "eu-west-1")
    with pytest.raises(driver.module.Error, match=REFUSED) as raised:
        signed_in(connect, iam_cluster, driver, writer, iam_host=other)
    assert not isinstance(raised.value, AwsWrapperError)


@pytest.mark.parametrize(("minutes", "is_accepted"), [(-10, True), (-20, False), (4, True), (10, False)])
def test_a_clock_may_be_wrong_as_far_as_aws_bears_it(
    iam_cluster: LocalCluster,
    connect: Connect,
    driver: Driver,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    is_accepted: bool,
) -> None:
    def now(remove_tzinfo: bool = True) -> dt.datetime:
        shifted = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=minutes)
        return shifted.replace(tzinfo=None) if remove_tzinfo else shifted

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)
    if is_accepted:
        assert user_of(signed_in(connect, iam_cluster, driver)) == iam_cluster.iam_user
        return
    with pytest.raises(driver.module.Error, match=REFUSED) as raised:
        signed_in(connect, iam_cluster, driver)
    assert not isinstance(raised.value, AwsWrapperError)


def test_a_server_that_nobody_vouches_for_is_told_no_token(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver, tmp_path: Path
) -> None:
    stranger = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    before = len(refusals(iam_cluster))
    with pytest.raises((driver.module.Error, OSError)) as raised:
        signed_in(connect, iam_cluster, driver, **driver.verified_tls(stranger))
    assert re.search("certificate|SSL", f"{raised.value} {raised.value.__cause__}")
    assert refusals(iam_cluster)[before:] == []


# Hosts that are called otherwise


@asked_for_tls
def test_an_address_needs_iam_host(iam_cluster: LocalCluster, connect: Connect) -> None:
    host, address = iam_cluster.writer.host, iam_cluster.writer.address
    given: dict[str, Any] = {"plugins": "iam", "user": iam_cluster.iam_user}
    with pytest.raises(AwsWrapperError, match="set iam_host"):
        connect(iam_cluster, address, **given)
    assert user_of(connect(iam_cluster, address, **given, iam_host=host)) == iam_cluster.iam_user


@asked_for_tls
def test_an_alias_is_looked_up(iam_cluster: LocalCluster, connect: Connect) -> None:
    name = iam_cluster.alias(f"iam.{iam_cluster.settings.engine}.example.com")
    connection = connect(iam_cluster, name, plugins="iam", user=iam_cluster.iam_user)
    assert user_of(connection) == iam_cluster.iam_user
