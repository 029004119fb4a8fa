"""Pools that grow while tokens expire and secrets are rotated, and processes that fork or end meanwhile."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import psycopg_pool
import pytest
import sqlalchemy

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.connection_provider import ConnectionProviderManager
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider
from cluster import programs
from cluster.support import process_of, program, value
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("psycopg", "mysql-c")

GET = "secretsmanager:GetSecretValue"
ROLE = "arn:aws:iam::123456789012:role/app"
DIALECTS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+mysqlconnector"}


@pytest.fixture
def internal_pools() -> Iterator[None]:
    """Have a pool for each host and user."""
    provider = SqlAlchemyPooledConnectionProvider(lambda _host, _props: {"pool_size": 4, "max_overflow": 0})
    ConnectionProviderManager.set_connection_provider(provider)
    yield
    ConnectionProviderManager.release_resources()
    ConnectionProviderManager.reset_provider()


@pytest.fixture
def short_sessions(iam_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have credentials of a role, in the profile `role`, that last for two seconds: so do tokens signed with them."""
    aws = iam_cluster.aws
    with open(os.environ["AWS_CONFIG_FILE"], "w") as file:  # noqa: PTH123 - as AWS's tools find it
        file.write(
            f"[profile role]\nrole_arn = {ROLE}\nsource_profile = base\nregion = {aws.region}\n[profile base]\n"
            f"aws_access_key_id = {aws.access_key_id}\naws_secret_access_key = {aws.secret_access_key}\n"
        )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)


def by_secret(cluster: LocalCluster) -> dict[str, Any]:
    return {"plugins": "aws_secrets_manager", "secrets_manager_secret_id": cluster.aws.secret_id, "password": "wrong"}


def by_token(cluster: LocalCluster, driver: Driver) -> dict[str, Any]:
    return {"plugins": "iam", "user": cluster.iam_user, "password": "", **driver.verified_tls(cluster.ca_file)}


def engine_for(cluster: LocalCluster, driver: Driver, **given: Any) -> sqlalchemy.Engine:
    """Return an engine of SQLAlchemy's whose pool has five places."""

    def create() -> Any:
        return AwsWrapperConnection.connect(driver.connect, cluster.conninfo(), **{**driver.arguments, **given})

    dialect = DIALECTS[driver.engine.name]
    return sqlalchemy.create_engine(f"{dialect}://", creator=create, pool_size=5, module=driver.module)


def user_of(connection: Any) -> str:
    return str(value(connection, "SELECT CURRENT_USER")).partition("@")[0]


def refusals(cluster: LocalCluster) -> int:
    return sum(event.what == "token refused" for event in cluster.history())


def test_a_pool_of_sqlalchemys_grows_while_the_secret_is_rotated(iam_cluster: LocalCluster, driver: Driver) -> None:
    engine = engine_for(iam_cluster, driver, **by_secret(iam_cluster))
    with ExitStack() as used:
        used.callback(engine.dispose)
        for step in (None, "createSecret", "setSecret", "testSecret", "finishSecret"):
            if step:
                iam_cluster.aws.rotate_secret(pause_after=step)
            connection = used.enter_context(engine.connect())
            assert connection.execute(sqlalchemy.text("SELECT 1")).scalar() == 1


@pytest.mark.drivers("psycopg")
def test_psycopgs_pool_grows_while_the_secret_is_rotated(iam_cluster: LocalCluster) -> None:
    connection_class: Any = AwsWrapperConnection
    given = by_secret(iam_cluster)
    with (
        psycopg_pool.ConnectionPool(
            iam_cluster.conninfo(), connection_class=connection_class, kwargs=given, min_size=1, max_size=4, timeout=20
        ) as pool,
        ExitStack() as used,
    ):
        used.enter_context(pool.connection())
        iam_cluster.aws.rotate_secret()
        for _ in range(3):
            assert value(used.enter_context(pool.connection()), "SELECT 1") == 1
        stats = pool.get_stats()
    assert stats.get("connections_errors", 0) == 0
    assert iam_cluster.aws.calls() == {GET: 2}


@pytest.mark.usefixtures("internal_pools")
def test_internal_pools_grow_while_the_secret_is_rotated(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    del driver
    given, host = by_secret(iam_cluster), iam_cluster.writer.host
    first = process_of(connect(iam_cluster, host, **given))
    iam_cluster.aws.rotate_secret()
    others = {process_of(connect(iam_cluster, host, **given)) for _ in range(3)}
    assert len(others - {first}) == 3


@pytest.mark.usefixtures("short_sessions")
def test_a_pool_that_grows_later_opens_no_connection_with_a_token_that_is_dead_by_then(
    iam_cluster: LocalCluster, driver: Driver
) -> None:
    iam_cluster.aws.set_session_duration(2)
    engine = engine_for(iam_cluster, driver, **by_token(iam_cluster, driver), aws_profile="role")
    before = refusals(iam_cluster)
    with ExitStack() as used:
        used.callback(engine.dispose)
        used.enter_context(engine.connect())
        sessions = iam_cluster.aws.calls()["sts:AssumeRole"]
        eventually(
            lambda: iam_cluster.aws.calls()["sts:AssumeRole"] > sessions + 2
        )  # the first token is dead long since
        used.enter_context(engine.connect())
    assert refusals(iam_cluster) == before


@pytest.mark.usefixtures("internal_pools")
def test_internal_pools_give_nobody_the_connection_of_another_user(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    host = iam_cluster.writer.host
    for _ in range(2):
        with closing(connect(iam_cluster, host, **by_token(iam_cluster, driver))) as one:
            assert user_of(one) == iam_cluster.iam_user
        with closing(connect(iam_cluster, host, **by_secret(iam_cluster))) as other:
            assert user_of(other) == iam_cluster.user


@pytest.mark.usefixtures("internal_pools")
def test_internal_pools_give_nobody_a_connection_whose_own_token_is_refused(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    with open(os.environ["AWS_CONFIG_FILE"], "w") as file:  # noqa: PTH123 - as AWS's tools find it
        file.write("[profile stranger]\naws_access_key_id = AKIASTRANGER\naws_secret_access_key = unknown\n")
    host, given = iam_cluster.writer.host, by_token(iam_cluster, driver)
    with closing(connect(iam_cluster, host, **given)) as connection:
        process = process_of(connection)
    with pytest.raises(driver.module.DatabaseError) as raised:
        connect(iam_cluster, host, **given, aws_profile="stranger", iam_region=iam_cluster.aws.region)
    assert not isinstance(raised.value, AwsWrapperError)
    with closing(connect(iam_cluster, host, **given)) as connection:
        assert process_of(connection) == process


FORKING = """
    token, reader = json.loads(words[0]), words[1]
    parents = connect(**token)
    print("ready", flush=True)
    input()
    child = os.fork()
    if not child:
        signal.alarm(30)
        for host in ({}, {"host": reader}):
            print(ask(connect(**token, **host), "SELECT CURRENT_USER").partition("@")[0], flush=True)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    parents.close()
    """


def test_a_forked_child_signs_in_with_what_its_parent_has(iam_cluster: LocalCluster, driver: Driver) -> None:
    words = json.dumps(by_token(iam_cluster, driver)), iam_cluster.readers[0].host
    with programs.talking(programs.command(FORKING, iam_cluster.conninfo(), driver, *words)) as process:
        iam_cluster.aws.take_down()
        assert programs.told_at_the_end(process).split() == [iam_cluster.iam_user] * 2


@pytest.mark.parametrize("trouble", ["slow", "take_down"])
def test_a_process_ends_although_aws_does_not_answer(
    iam_cluster: LocalCluster, driver: Driver, trouble: str, connecting_in_a_thread: Callable[..., str]
) -> None:
    getattr(iam_cluster.aws, trouble)(*([60] if trouble == "slow" else []))
    assert connecting_in_a_thread(iam_cluster, driver, by_secret(iam_cluster)) == "ends"


@pytest.fixture
def connecting_in_a_thread() -> Callable[..., str]:
    """Return a function that runs a program which ends while a thread of its own is connecting."""
    code = """
        def sign_in():
            try:
                connect(**json.loads(words[0]))
            except Exception:
                pass
        threading.Thread(target=sign_in, daemon=True).start()
        while not any(thread.name.startswith("sign-in") for thread in threading.enumerate()):
            time.sleep(0.001)
        print("ends")
        """

    def run(cluster: LocalCluster, driver: Driver, given: dict[str, Any]) -> str:
        words = programs.arguments(cluster.conninfo(), driver, json.dumps(given))
        return program(programs.connecting(code), *words)

    return run
