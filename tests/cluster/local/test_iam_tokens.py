"""Instances of a cluster with IAM check tokens as those of RDS do, of bare drivers."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

import botocore.session
import psycopg
import pytest

from aws_advanced_python_wrapper.local.aws.keys import AccessKey
from cluster.drivers import ASYNCIO
from cluster.engines import POSTGRESQL
from cluster.local.plainly import connected, rows, rows_of, servers
from support.iam import signed_token
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

pytestmark = pytest.mark.drivers("postgresql", "mysql")
WHO = "SELECT CURRENT_USER"
USER = {"postgresql": ("jane",), "mysql": ("jane@%",)}
# The C extension sends a token only where it is told to, the others where they are asked for it.
ARGUMENTS = {"mysql-c": {"auth_plugin": "mysql_clear_password"}}
DENIED = {
    "postgresql": 'PAM authentication failed for user "{}"',
    "mysql": r"1045 \(28000\): Access denied for user '{}'@'localhost' \(using password: YES\)",
}
NO_TLS = {
    **DENIED,
    "postgresql": 'pg_hba.conf rejects connection for host "127.0.0.1", user "{}", database "app", no encryption',
}


@pytest.fixture(autouse=True)
def _others_log_no_tokens(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("botocore", "mysql.connector"):  # which log what they sign and send
        caplog.set_level("WARNING", name)


@pytest.fixture(scope="module")
def clusters(local_cluster_factory: Callable[..., LocalCluster]) -> Iterator[Callable[[str], LocalCluster]]:
    made: dict[str, LocalCluster] = {}

    def cluster_of(engine: str) -> LocalCluster:
        if engine not in made:
            made[engine] = local_cluster_factory(instances=2, name=f"iam-{engine}", iam=True, **servers(engine))
        return made[engine]

    yield cluster_of
    for cluster in made.values():
        cluster.stop()


@pytest.fixture
def cluster(driver: Driver, clusters: Callable[[str], LocalCluster]) -> LocalCluster:
    found = clusters(driver.engine.name)
    found.restore()
    return found


def token(cluster: LocalCluster, host: str | None = None, key: AccessKey | None = None, **changes: Any) -> str:
    key = key or AccessKey(cluster.aws.access_key_id, cluster.aws.secret_access_key)
    given = {"port": cluster.port, "user": cluster.iam_user, "region": cluster.settings.region, **changes}
    return signed_token(key, host or cluster.writer_endpoint, **given)


def sign_in(driver: Driver, cluster: LocalCluster, password: str, host: str | None = None, **extra: Any) -> Any:
    """Connect with a token as the user of IAM, and return who the server says it is."""
    given = {"user": cluster.iam_user, **ARGUMENTS.get(driver.name, {}), **tls(driver, cluster), **extra}
    (found,) = rows(driver, cluster, WHO, host, password=password, **given)
    return found


def tls(driver: Driver, cluster: LocalCluster) -> dict[str, Any]:
    return driver.verified_tls(cluster.ca_file)


def reasons(cluster: LocalCluster) -> list[str]:
    return [event.detail for event in cluster.history() if event.what == "token refused"]


def assert_refused(driver: Driver, cluster: LocalCluster, password: str, words: str, reason: str, **extra: Any) -> None:
    known = len(reasons(cluster))
    said = words.format(extra.get("user", cluster.iam_user))
    with pytest.raises(driver.module.Error, match=said):
        sign_in(driver, cluster, password, **extra)
    (given,) = reasons(cluster)[known:]
    assert reason in given
    assert password not in given


def test_a_token_lets_the_user_in_at_the_host_that_it_is_for(driver: Driver, cluster: LocalCluster) -> None:
    custom = cluster.custom_endpoint("reports", [cluster.readers[0]])
    for host in (cluster.writer_endpoint, cluster.reader_endpoint, cluster.readers[0].host, custom):
        assert sign_in(driver, cluster, token(cluster, host), host) == USER[driver.engine.name]
    assert sign_in(driver, cluster, token(cluster, cluster.writer_endpoint), cluster.writer.host)
    assert_refused(driver, cluster, token(cluster, cluster.readers[0].host), DENIED[driver.engine.name], "another host")


def test_a_custom_endpoint_that_is_gone_gives_no_access(driver: Driver, cluster: LocalCluster) -> None:
    custom = cluster.custom_endpoint("reports", [cluster.writer])
    assert sign_in(driver, cluster, token(cluster, custom))
    cluster.restore()
    assert_refused(driver, cluster, token(cluster, custom), DENIED[driver.engine.name], "another host")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"port": 1}, "another port"),
        ({"user": "admin"}, "another user"),
        ({"region": "eu-west-1"}, "/eu-west-1/rds-db/"),
        ({"signed_at": time.time() - 1000}, "it expired"),
        ({"signed_at": time.time() + 2000}, "ahead of time"),
        ({"key": AccessKey("AKIA" + "X" * 16, "secret")}, "a key that is not known"),
    ],
)
def test_a_token_for_something_else_is_refused(
    driver: Driver, cluster: LocalCluster, changes: dict[str, Any], reason: str
) -> None:
    assert_refused(driver, cluster, token(cluster, **changes), DENIED[driver.engine.name], reason)


def test_a_forged_token_is_refused_and_so_is_a_password(driver: Driver, cluster: LocalCluster) -> None:
    forged = AccessKey(cluster.aws.access_key_id, "wrong")
    assert_refused(driver, cluster, token(cluster, key=forged), DENIED[driver.engine.name], "its signature is wrong")
    assert_refused(driver, cluster, cluster.password, DENIED[driver.engine.name], "not the form of a token")


def test_without_tls_no_token_is_asked_for(driver: Driver, cluster: LocalCluster) -> None:
    known = len(reasons(cluster))
    parameters = cluster.parameters(user=cluster.iam_user, password=token(cluster), **driver.no_tls, **driver.arguments)
    with pytest.raises(driver.module.Error, match=NO_TLS[driver.engine.name].format(cluster.iam_user)):
        driver.connect(**parameters)
    assert reasons(cluster)[known:] == ["it cannot be sent without TLS"]


def temporary_key(cluster: LocalCluster) -> AccessKey:
    aws = cluster.aws
    key = {"aws_access_key_id": aws.access_key_id, "aws_secret_access_key": aws.secret_access_key}
    session = botocore.session.Session()
    sts = session.create_client("sts", region_name=aws.region, endpoint_url=aws.endpoint, **key)
    issued = sts.get_session_token()["Credentials"]
    return AccessKey(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def test_tokens_of_temporary_keys_are_long_and_count_until_the_key_is_revoked(
    driver: Driver, cluster: LocalCluster
) -> None:
    key = temporary_key(cluster)
    long = token(cluster, key=key)
    assert len(long) > 1000
    assert sign_in(driver, cluster, long)
    other = AccessKey(key.access_key_id, key.secret_key, "t" * 2000)
    words = DENIED[driver.engine.name]
    assert_refused(driver, cluster, token(cluster, key=other), words, "its session token is not that of its key")
    cluster.aws.revoke(key.access_key_id)
    assert_refused(driver, cluster, long, words, "a key that is not known")


def test_who_has_a_password_goes_on_using_it(driver: Driver, cluster: LocalCluster) -> None:
    for given in (tls(driver, cluster), driver.no_tls):
        ((found,),) = rows(driver, cluster, WHO, **given)
        assert found.startswith(cluster.user)
    for password in ("wrong", token(cluster, user=cluster.user)):
        with pytest.raises(driver.module.Error, match=r"password authentication failed|Access denied"):
            rows(driver, cluster, WHO, password=password, **tls(driver, cluster))


SWITCH = {
    "postgresql": ("CREATE USER john PASSWORD 'pw'", "GRANT rds_iam TO john", "REVOKE rds_iam FROM john"),
    "mysql": (
        "CREATE USER john IDENTIFIED BY 'pw'",
        "ALTER USER john IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL",
        "ALTER USER john IDENTIFIED WITH caching_sha2_password BY 'pw'",
    ),
}


def test_a_user_is_given_to_iam_and_taken_back_by_the_master_user(driver: Driver, cluster: LocalCluster) -> None:
    create, give, take = SWITCH[driver.engine.name]
    anywhere = {"dbname": "postgres"} if driver.engine is POSTGRESQL else {"database": None}
    john = {"user": "john", **anywhere}
    words = DENIED[driver.engine.name].replace("app", "postgres")
    with connected(driver, cluster) as admin:
        try:
            rows_of(admin, create)
            assert rows(driver, cluster, WHO, **{**john, "password": "pw"}, **tls(driver, cluster))
            rows_of(admin, give)
            mine = token(cluster, user="john")
            assert eventually(lambda: signs_in(driver, cluster, mine, john))
            assert_refused(driver, cluster, "pw", words, "not the form of a token", **john)
            assert eventually(lambda: signs_in(driver, cluster, mine, {**john, "host": cluster.readers[0].host}))
            rows_of(admin, take)
            eventually(lambda: not signs_in(driver, cluster, mine, john))
            assert rows(driver, cluster, WHO, **{**john, "password": "pw"}, **tls(driver, cluster))
            assert rows(driver, cluster, WHO)
        finally:
            rows_of(admin, "DROP USER IF EXISTS john")


def signs_in(driver: Driver, cluster: LocalCluster, password: str, given: dict[str, Any]) -> bool:
    """Tell whether a token is taken; a standby hears of a user a moment later."""
    given = dict(given)
    host = given.pop("host", None)
    try:
        return bool(sign_in(driver, cluster, password, host, **given))
    except driver.module.Error:
        return False


def test_the_user_may_use_the_database_also_after_a_failover(driver: Driver, cluster: LocalCluster) -> None:
    given = {"user": cluster.iam_user, **ARGUMENTS.get(driver.name, {}), **tls(driver, cluster)}
    with connected(driver, cluster, password=token(cluster), **given) as mine:
        rows_of(mine, "DROP TABLE IF EXISTS janes")
        rows_of(mine, "CREATE TABLE janes (id INT PRIMARY KEY)")
        rows_of(mine, "INSERT INTO janes VALUES (1)")
    cluster.failover(wait="all")
    new_writer = cluster.writer.host
    with connected(driver, cluster, new_writer, password=token(cluster), **given) as mine:
        assert rows_of(mine, "SELECT id FROM janes") == [(1,)]
        rows_of(mine, "DROP TABLE janes")


# With a password that long, the C extension stays the old user's and says nothing.
@pytest.mark.drivers("mysql-pure")
def test_a_connection_can_be_given_to_the_user(driver: Driver, cluster: LocalCluster) -> None:
    with connected(driver, cluster, **tls(driver, cluster)) as connection:
        connection.cmd_change_user(cluster.iam_user, token(cluster))
        assert rows_of(connection, WHO) == [("jane@%",)]
        assert rows_of(connection, "SELECT @@aurora_server_id") == [(cluster.writer.name,)]
        with pytest.raises(driver.module.Error, match="Access denied for user 'jane'"):
            connection.cmd_change_user(cluster.iam_user, token(cluster, port=1))


@pytest.mark.drivers("postgresql")
def test_a_server_itself_lets_the_user_in_for_its_proxy_only(driver: Driver, cluster: LocalCluster) -> None:
    writer = cluster.writer
    given = cluster.parameters(writer.address, user=cluster.iam_user, password=token(cluster), connect_timeout=10)
    with pytest.raises(psycopg.OperationalError, match="rejects connection for host"):
        driver.connect(**{**given, "port": writer.private_port, "sslmode": "disable"})


@pytest.mark.drivers("mysql-c")  # for the cluster
@pytest.mark.parametrize("name", ["mysql-aio", "aiomysql"])
def test_asyncio_clients_sign_in_too(cluster: LocalCluster, name: str) -> None:
    asyncio_driver = ASYNCIO[name]
    asyncio_driver.skip_if_missing()

    async def who() -> Any:
        # The connector's own asyncio verifies no certificate without one of the client's.
        encrypted = {} if name == "mysql-aio" else tls(asyncio_driver, cluster)
        given = cluster.parameters(user=cluster.iam_user, password=token(cluster), **encrypted)
        del given["database"]  # which the two do not call the same
        connection = await asyncio_driver.connect(**given)
        cursor = await in_time(connection.cursor())
        await cursor.execute(WHO)
        found = await cursor.fetchall()
        writer = getattr(connection, "_writer", None)
        await getattr(connection, "ensure_closed", connection.close)()
        if writer is not None:
            await writer.wait_closed()
        return list(found)

    assert asyncio.run(who()) == [("jane@%",)]


async def in_time(found: Any) -> Any:
    """Await what one of the drivers returns at once."""
    return await found if inspect.isawaitable(found) else found
