"""Signing in with secrets of AWS Secrets Manager, through their rotations."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, AwsWrapperError, FailoverSuccessError
from cluster.drivers import every_driver
from cluster.support import assert_on_true_writer, instance_of, value
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from aws_advanced_python_wrapper.local.aws.client import RotationStep
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

GET = "secretsmanager:GetSecretValue"
STEPS: tuple[RotationStep, ...] = ("createSecret", "setSecret", "testSecret", "finishSecret")


def signed_in(connect: Connect, cluster: LocalCluster, host: str | None = None, **more: Any) -> Any:
    """Connect with the master user's secret, and nothing else that would let the program in."""
    given = {"plugins": "aws_secrets_manager", "secrets_manager_secret_id": cluster.aws.secret_id, **more}
    return connect(cluster, host, user="nobody", password="wrong", **given)


def user_of(connection: Any) -> str:
    return str(value(connection, "SELECT CURRENT_USER")).partition("@")[0]


def test_a_secret_opens_a_connection_by_its_name_and_by_its_arn(
    iam_cluster: LocalCluster, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert user_of(signed_in(connect, iam_cluster)) == iam_cluster.user
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    arn = iam_cluster.aws.secret_arn
    assert user_of(signed_in(connect, iam_cluster, secrets_manager_secret_id=arn)) == iam_cluster.user


def test_a_warm_connection_asks_nothing_of_aws(iam_cluster: LocalCluster, connect: Connect) -> None:
    for host in (None, iam_cluster.reader_endpoint, iam_cluster.writer.host):
        signed_in(connect, iam_cluster, host)
    assert iam_cluster.aws.calls() == {GET: 1}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_warm", [True, False])
def test_a_rotation_is_not_noticed_after_any_of_its_steps(
    iam_cluster: LocalCluster, connect: Connect, step: RotationStep, is_warm: bool
) -> None:
    if is_warm:
        signed_in(connect, iam_cluster)
    iam_cluster.aws.rotate_secret(pause_after=step)
    assert user_of(signed_in(connect, iam_cluster)) == iam_cluster.user


@pytest.mark.drivers("psycopg", "mysql-c")
def test_a_program_that_connects_all_the_time_lives_through_rotations(
    iam_cluster: LocalCluster, driver: Driver
) -> None:
    rotating = threading.Event()
    problems: list[Exception] = []
    connected: list[None] = []

    def connect_once() -> None:
        given = {"plugins": "aws_secrets_manager", "secrets_manager_secret_id": iam_cluster.aws.secret_id}
        arguments = {**driver.arguments, **given, "password": "wrong"}
        AwsWrapperConnection.connect(driver.connect, iam_cluster.conninfo(), **arguments).close()

    def connect_again_and_again() -> None:
        try:
            while not rotating.is_set():
                connect_once()
                connected.append(None)
        except Exception as error:  # noqa: BLE001 - it is what the test is about
            problems.append(error)

    threads = [threading.Thread(target=connect_again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            iam_cluster.aws.rotate_secret()
            connected.clear()
            eventually(lambda: problems or len(connected) > 2 * len(threads))
    finally:
        rotating.set()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_failover_after_a_rotation_signs_in_with_the_new_password(
    iam_cluster: LocalCluster, connect: Connect
) -> None:
    connection = signed_in(connect, iam_cluster, plugins="aws_secrets_manager,failover")
    before = instance_of(connection)
    iam_cluster.aws.rotate_secret()
    iam_cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert instance_of(connection) != before
    assert_on_true_writer(iam_cluster, connection)


def test_a_failover_needs_no_aws(iam_cluster: LocalCluster, connect: Connect) -> None:
    connection = signed_in(connect, iam_cluster, plugins="aws_secrets_manager,failover", secrets_manager_expiration=0)
    iam_cluster.aws.take_down()
    iam_cluster.failover()
    with pytest.raises(FailoverSuccessError):
        value(connection, "SELECT 1")
    assert user_of(connection) == iam_cluster.user


def test_while_a_rotation_is_stuck_connections_do_not_ask_aws_each_time(
    iam_cluster: LocalCluster, connect: Connect
) -> None:
    signed_in(connect, iam_cluster)
    iam_cluster.aws.rotate_secret(pause_after="setSecret")
    signed_in(connect, iam_cluster)
    iam_cluster.aws.reset_calls()
    for host in (None, iam_cluster.reader_endpoint, None):
        assert user_of(signed_in(connect, iam_cluster, host)) == iam_cluster.user
    assert iam_cluster.aws.calls() == {}


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("take_down", ".* cannot be reached"),
        ("throttle", "AWS throttles the requests"),
        ("deny", f"AWS denies access .*Allow {GET}"),
    ],
)
def test_where_aws_gives_no_secret_the_error_says_why(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver, trouble: str, told: str
) -> None:
    getattr(iam_cluster.aws, trouble)(*((GET,) if trouble == "deny" else ()))
    what = f"The secret '{iam_cluster.aws.secret_id}' in us-east-2 was not fetched"
    with pytest.raises(AwsWrapperError, match=f"{what}: {told}") as e:
        signed_in(connect, iam_cluster)
    assert isinstance(e.value, driver.module.Error)


def test_a_password_that_no_version_tells_ends_with_the_servers_own_error(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    iam_cluster.aws.put_secret("wrong", {"username": iam_cluster.user, "password": "wrong"})
    with pytest.raises(driver.module.Error, match=r"authentication failed|Access denied") as raised:
        signed_in(connect, iam_cluster, secrets_manager_secret_id="wrong")
    assert not isinstance(raised.value, AwsWrapperError)


@pytest.mark.drivers("psycopg", "mysql-c")
def test_the_secret_says_where_the_database_is(iam_cluster: LocalCluster, driver: Driver) -> None:
    """With nothing but the secret's name, a connection is opened."""
    given = {"plugins": "aws_secrets_manager", "secrets_manager_secret_id": iam_cluster.aws.secret_id}
    with closing(AwsWrapperConnection.connect(driver.connect, **driver.arguments, **given)) as connection:
        assert_on_true_writer(iam_cluster, connection)
        database = "current_database()" if driver.engine.name == "postgresql" else "database()"
        assert value(connection, f"SELECT {database}") == iam_cluster.database
