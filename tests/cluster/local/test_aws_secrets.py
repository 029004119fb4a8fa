"""The secrets beside a local cluster, and their rotation, in the database too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from aws_advanced_python_wrapper.local import LocalClusterError
from cluster.local.calling_aws import client, read_secret
from cluster.local.plainly import each_engine, rows

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver


@pytest.fixture(autouse=True)
def _botocore_logs_no_signatures(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "botocore")


@pytest.fixture
def cluster(iam_cluster: LocalCluster) -> LocalCluster:
    return iam_cluster


def test_the_master_users_secret_has_all_that_rds_puts_into_it(cluster: LocalCluster) -> None:
    answer = client(cluster, "secretsmanager").get_secret_value(SecretId=cluster.aws.secret_arn)
    assert answer["Name"] == cluster.aws.secret_id == f"{cluster.settings.name}-admin"
    assert json.loads(answer["SecretString"]) == {
        "username": cluster.user,
        "password": cluster.password,
        "engine": "postgres",
        "host": cluster.writer_endpoint,
        "port": cluster.port,
        "dbname": cluster.database,
        "dbClusterIdentifier": cluster.settings.name,
    }


def logs_in(driver: Driver, cluster: LocalCluster, password: str) -> bool:
    try:
        return bool(rows(driver, cluster, "SELECT 1", password=password))
    except driver.module.OperationalError:
        return False
    except driver.module.DatabaseError as error:
        assert "Access denied" in str(error)  # noqa: PT017  # how the C extension says it
        return False


@each_engine
def test_a_rotation_goes_its_four_steps_in_secret_and_database(driver: Driver, cluster: LocalCluster) -> None:
    aws = cluster.aws
    old = cluster.password
    aws.rotate_secret(pause_after="createSecret")
    new = read_secret(cluster, "AWSPENDING")["password"]
    assert read_secret(cluster)["password"] == old != new
    assert (logs_in(driver, cluster, old), logs_in(driver, cluster, new)) == (True, False)
    aws.rotate_secret(pause_after="setSecret")
    assert read_secret(cluster)["password"] == old
    assert (logs_in(driver, cluster, old), logs_in(driver, cluster, new)) == (False, True)
    aws.rotate_secret(pause_after="testSecret")
    assert read_secret(cluster)["password"] == old
    aws.rotate_secret()
    assert read_secret(cluster)["password"] == new == aws.secret()["password"]
    assert read_secret(cluster, "AWSPREVIOUS")["password"] == old
    aws.rotate_secret()
    newest = read_secret(cluster)["password"]
    assert read_secret(cluster, "AWSPREVIOUS")["password"] == new
    assert (logs_in(driver, cluster, new), logs_in(driver, cluster, newest)) == (False, True)


@each_engine
def test_restore_undoes_rotations_and_secrets(driver: Driver, cluster: LocalCluster) -> None:
    aws = cluster.aws
    aws.put_secret("other", {"username": "nobody"})
    aws.rotate_secret()
    aws.rotate_secret(pause_after="setSecret")
    assert not logs_in(driver, cluster, cluster.password)
    cluster.restore()
    assert logs_in(driver, cluster, cluster.password)
    assert read_secret(cluster)["password"] == cluster.password
    listed = client(cluster, "secretsmanager").describe_secret(SecretId=aws.secret_id)["VersionIdsToStages"]
    assert [stages for stages in listed.values() if stages] == [["AWSCURRENT"]]
    with pytest.raises(LocalClusterError, match=f"no secret 'other': there are {aws.secret_id}"):
        aws.secret("other")
    aws.rotate_secret(pause_after="createSecret")


@each_engine
def test_a_rotation_follows_at_once_when_the_writer_is_back(driver: Driver, cluster: LocalCluster) -> None:
    cluster.kill(cluster.writer)
    cluster.start_instance(cluster.writer)
    cluster.aws.rotate_secret()
    assert logs_in(driver, cluster, cluster.aws.secret()["password"])


@pytest.mark.parametrize("how", [{"ForceDeleteWithoutRecovery": True}, {"RecoveryWindowInDays": 7}], ids=str)
def test_restore_undoes_what_was_made_and_deleted_through_the_api(cluster: LocalCluster, how: dict[str, Any]) -> None:
    secrets = client(cluster, "secretsmanager")
    secrets.create_secret(Name="made-here", SecretBinary=b"\0")
    secrets.delete_secret(SecretId=cluster.aws.secret_id, **how)
    with pytest.raises(ClientError):
        read_secret(cluster)
    cluster.restore()
    assert [one["Name"] for one in secrets.list_secrets()["SecretList"]] == [cluster.aws.secret_id]
    assert read_secret(cluster)["password"] == cluster.password
    assert secrets.get_secret_value(SecretId=cluster.aws.secret_arn)["Name"] == cluster.aws.secret_id


def test_the_secret_of_another_user_rotates_too(driver: Driver, cluster: LocalCluster) -> None:
    rows(driver, cluster, "DROP USER IF EXISTS tom")
    rows(driver, cluster, "CREATE USER tom PASSWORD 'first'")
    cluster.aws.put_secret("toms", {"username": "tom", "password": "first"})
    cluster.aws.rotate_secret("toms")
    password = cluster.aws.secret("toms")["password"]
    assert rows(driver, cluster, "SELECT current_user", user="tom", password=password) == [("tom",)]
    rows(driver, cluster, "DROP USER tom")
