"""A walk through the tables of the user guide: each row is accepted as it is printed, and honoured.

What honours a row is a test below that says so; a row without one fails the walk.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import psycopg
import pytest

from aws_advanced_python_wrapper import (
    AwsWrapperConnection,
    AwsWrapperError,
    FailoverError,
    FailoverSuccessError,
    QueryTimeoutError,
    release_resources,
)
from aws_advanced_python_wrapper.connection_provider import ConnectionProviderManager
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.parameters.catalogue import PARAMETERS
from aws_advanced_python_wrapper.plugin import ConnectNext, Opened, Phase, Plugin
from aws_advanced_python_wrapper.properties import Settings
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider
from cluster.drivers import both_engines
from cluster.engines import POSTGRESQL
from cluster.relay import Relay
from cluster.support import (
    Background,
    assert_on_true_writer,
    end_process,
    engine_of,
    execute,
    fresh_table,
    instance_of,
    is_reader,
    pattern,
    process_of,
    value,
)
from support import user_guide
from support.scripted_server import ScriptedServer
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

Test = TypeVar("Test", bound="Callable[..., None]")

pytestmark = both_engines

PARAMETER_ROWS = {**user_guide.PARAMETERS, **user_guide.NETWORK_TIMEOUTS, **user_guide.PLUGIN_MANAGER}
ROWS = [*PARAMETER_ROWS, *user_guide.PLUGINS.values()]

# What is given for a parameter in the walk, where no default is printed.
EXAMPLES = {
    "cluster_id": "mine",
    "connect_timeout": "10",
    "socket_timeout": "30",
    "tcp_keepalive": "True",
    "tcp_keepalive_time": "60",
    "tcp_keepalive_interval": "10",
    "tcp_keepalive_probes": "5",
}

DRIVER_DIALECTS = {"psycopg": "psycopg", "mysql.connector": "mysql-connector-python", "aiomysql": "aiomysql"}
DIALECTS = {"postgresql": ("pg", "aurora-pg"), "mysql": ("mysql", "aurora-mysql")}

HONOURED: dict[str, str] = {}
"""Row -> the test that shows it."""


def honours(*rows: str) -> Callable[[Test], Test]:
    """Say which rows of the user guide a test shows to be honoured."""

    def enter(test: Test) -> Test:
        HONOURED.update(dict.fromkeys(rows, test.__name__))
        return test

    return enter


# Every row


def test_every_row_is_shown_to_be_honoured() -> None:
    assert sorted(HONOURED) == sorted(set(ROWS) - user_guide.SIGN_IN)


@pytest.mark.parametrize("name", PARAMETER_ROWS)
def test_a_parameter_has_the_default_that_is_printed(name: str) -> None:
    printed = user_guide.MISPRINTED.get(name, PARAMETER_ROWS[name])
    parameter = PARAMETERS[name]
    if name == "plugins":
        assert plugin_classes(parameter.read(printed), sort=True) == plugin_classes(parameter.default, sort=True)
    else:
        assert parameter.default == (None if printed == "None" else parameter.read(printed))


@pytest.mark.parametrize("name", PARAMETER_ROWS)
def test_a_parameter_is_accepted_however_it_is_given(
    cluster: LocalCluster, connect: Connect, driver: Driver, name: str
) -> None:
    own = {
        "wrapper_dialect": DIALECTS[driver.engine.name][1],
        "wrapper_driver_dialect": DRIVER_DIALECTS[driver.module.__name__],
        "cluster_instance_host_pattern": pattern(cluster),
    }
    given = {**PARAMETER_ROWS, **EXAMPLES, **own}[name]
    written = Settings.from_arguments(f"{driver.engine.name}://db/app?{name}={given}", {}, ())[PARAMETERS[name]]
    assert Settings.from_arguments(f"host=db {name}={given}", {}, ())[PARAMETERS[name]] == written
    settings = connect(cluster, **{name: given})._session.settings
    assert settings[PARAMETERS[name]] == written


@pytest.mark.parametrize("code", sorted(user_guide.SIGN_IN))
def test_a_plugin_that_signs_in_has_the_code_that_is_printed(code: str) -> None:
    (plugin,) = plugin_classes([code], sort=True)
    assert plugin.code == code


@pytest.mark.parametrize("code", sorted(set(user_guide.PLUGINS.values()) - user_guide.SIGN_IN))
def test_a_plugin_is_accepted_under_the_code_that_is_printed(
    cluster: LocalCluster, connect: Connect, code: str
) -> None:
    (plugin,) = connect(cluster, plugins=code)._session.plugins
    assert plugin.code == code


# Parameters


def lose(cluster: LocalCluster, connection: Any, driver: Driver) -> Exception:
    """Have the writer end the connection; return what the program sees at its next call."""
    end_process(cluster, cluster.writer.name, process_of(connection))
    with pytest.raises(driver.module.Error) as caught:
        execute(connection, "SELECT 1")
    error: Exception = caught.value
    return error


@honours("wrapper_dialect")
def test_the_dialect_is_what_it_is_said_to_be_and_otherwise_found_by_asking(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    plain, aurora = DIALECTS[driver.engine.name]
    assert not isinstance(lose(cluster, connect(cluster, wrapper_dialect=plain), driver), FailoverError)
    assert isinstance(lose(cluster, connect(cluster, wrapper_dialect=aurora), driver), FailoverSuccessError)
    release_resources()
    assert isinstance(lose(cluster, connect(cluster), driver), FailoverSuccessError)


@honours("wrapper_driver_dialect")
def test_the_driver_of_a_connect_function_of_ones_own_can_be_named(cluster: LocalCluster, driver: Driver) -> None:
    def mine(**arguments: Any) -> Any:
        return driver.connect(**driver.arguments, **arguments)

    code = DRIVER_DIALECTS[driver.module.__name__]
    AwsWrapperConnection.connect(mine, cluster.conninfo(), wrapper_driver_dialect=code).close()
    with pytest.raises(AwsWrapperError, match="wrapper_driver_dialect"):
        AwsWrapperConnection.connect(mine, cluster.conninfo())


@honours("auxiliary_query_timeout_sec")
@pytest.mark.drivers(
    "postgresql"
)  # the scripted server speaks its protocol; `test_own_queries` of MySQL is for the others
def test_the_drivers_own_queries_are_given_up_in_time(cluster: LocalCluster, connect: Connect) -> None:
    def never_answer(server: ScriptedServer, client: socket.socket, sql: str) -> None:
        del client, sql
        server.ended.wait()

    with ScriptedServer(never_answer) as server:
        where = psycopg.conninfo.conninfo_to_dict(server.conninfo)
        with pytest.raises(QueryTimeoutError, match="did not answer the driver's own query"):
            connect(cluster, **where, auxiliary_query_timeout_sec=0.2)
        assert server.asked.is_set()


@honours("topology_refresh_ms")
def test_the_topology_is_refreshed_at_the_pace_that_is_given(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    def looks_while_the_program_works(refresh: Any) -> int:
        release_resources()
        connection: Any = connect(cluster, topology_refresh_ms=refresh)
        store = connection._session.cluster.store
        seen = set()
        for _ in range(25):
            seen.add(store.current.writer_verified_at)
            execute(connection, driver.engine.sleep.format(0.02))
        return len(seen)

    assert looks_while_the_program_works("10") > 3
    assert looks_while_the_program_works(None) == 1


@honours("cluster_id")
def test_connections_with_the_same_cluster_id_share_what_is_known(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    hosts = {"cluster_instance_host_pattern": pattern(cluster), "enable_connect_failover": True}
    first = connect(cluster, cluster.writer.address, cluster_id="mine", **hosts)
    lost = cluster.readers[0]
    lost.proxy.refuse()
    second = connect(cluster, lost.address, cluster_id="mine", **hosts)  # which knows the other hosts only by the first
    assert second._session.cluster is first._session.cluster
    assert instance_of(second) == cluster.writer.name
    with pytest.raises((driver.module.Error, ConnectionRefusedError), match=r"refused|2003|111"):
        connect(cluster, lost.address, cluster_id="another", **hosts)


@honours("cluster_instance_host_pattern")
@pytest.mark.parametrize("with_port", [False, True], ids=["without port", "with port"])
def test_a_host_that_tells_nothing_needs_a_pattern(cluster: LocalCluster, connect: Connect, with_port: bool) -> None:
    text = pattern(cluster) + (f":{cluster.port}" if with_port else "")
    connection = connect(cluster, cluster.writer.address, cluster_instance_host_pattern=text)
    new_writer = cluster.failover(wait="all").new_writer
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert instance_of(connection) == new_writer
    release_resources()
    with pytest.raises(AwsWrapperError, match=r"Set cluster_instance_host_pattern .* '\?\.c1x2y3z4abcd"):
        connect(cluster, cluster.writer.address)


def serialize(connection: Any) -> None:
    on_postgresql = engine_of(connection) is POSTGRESQL
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE if on_postgresql else "SERIALIZABLE"


def is_serializing(connection: Any) -> bool:
    if engine_of(connection) is POSTGRESQL:  # psycopg tells the server when a transaction begins
        return bool(connection.isolation_level == psycopg.IsolationLevel.SERIALIZABLE)
    return bool(value(connection, "SELECT @@transaction_isolation") == "SERIALIZABLE")


@honours("transfer_session_state_on_switch")
def test_what_the_program_has_set_goes_over_to_the_next_connection_or_not(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    for given, expected in ({}, True), ({"transfer_session_state_on_switch": "False"}, False):
        connection = connect(cluster, **given)
        serialize(connection)
        assert isinstance(lose(cluster, connection, driver), FailoverSuccessError)
        assert is_serializing(connection) is expected


@pytest.fixture
def pools() -> Iterator[None]:
    """Have connections come from pools of this driver's."""
    ConnectionProviderManager.set_connection_provider(SqlAlchemyPooledConnectionProvider())
    yield
    ConnectionProviderManager.release_resources()
    ConnectionProviderManager.reset_provider()


@honours("reset_session_state_on_close")
@pytest.mark.usefixtures("pools")
def test_who_gets_a_connection_from_a_pool_finds_what_others_have_set_or_not(
    cluster: LocalCluster, connect: Connect
) -> None:
    for given, expected in {"True": False, "False": True}.items():
        processes = []
        for before in (False, expected):
            connection = connect(cluster, cluster.writer.host, user=cluster.user, reset_session_state_on_close=given)
            assert is_serializing(connection) is before
            serialize(connection)
            processes.append(process_of(connection))
            connection.close()
        assert len(set(processes)) == 1


class Elsewhere(Plugin):
    """Moves to a reader when the session becomes read-only, in whatever state it is."""

    code = "elsewhere"
    needs_topology = True

    async def on_read_only(self, read_only: bool) -> None:
        cluster = self.session.cluster
        assert cluster
        assert cluster.store.current
        if read_only:
            opened = await self.session.open(cluster.store.current.readers[0], below=self)
            left = await self.session.exchange(opened, "moved")
            await self.session.leave(left)


@honours("rollback_on_switch")
def test_an_open_transaction_is_rolled_back_before_its_connection_is_left_or_keeps_it(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    table = fresh_table(cluster, "guide")
    moving = connect(cluster, plugins=[Elsewhere], autocommit=False)
    execute(moving, f"INSERT INTO {table} VALUES (1)")
    moving.read_only = True
    assert is_reader(moving)
    staying = connect(cluster, plugins=[Elsewhere], autocommit=False, rollback_on_switch="False")
    execute(staying, f"INSERT INTO {table} VALUES (2)")
    with pytest.raises(driver.module.ProgrammingError, match="rollback_on_switch is false"):
        staying.read_only = True
    staying.commit()
    assert [*execute(staying, f"SELECT id FROM {table}").fetchall()] == [(2,)]


# Network timeouts


@honours("connect_timeout")
def test_an_attempt_to_connect_ends_in_time(cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    cluster.writer.proxy.blackhole()
    began = time.monotonic()
    with pytest.raises((driver.module.Error, TimeoutError)):
        connect(cluster, cluster.writer.host, connect_timeout="2")
    assert time.monotonic() - began < 8, "without a limit it would be 10 s, or for ever"


@honours("socket_timeout")
def test_a_call_ends_in_time_although_the_server_says_nothing(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="", socket_timeout="0.3")
    execute(connection, "SELECT 1")
    cluster.pause(cluster.writer)
    with pytest.raises(QueryTimeoutError):
        execute(connection, "SELECT 1")
    assert connection.closed


@contextmanager
def socket_of(connection: Any) -> Iterator[socket.socket]:
    if engine_of(connection) is POSTGRESQL:
        with closing(socket.socket(fileno=os.dup(connection.fileno()))) as duplicate:
            yield duplicate
    else:
        with connection._session.adapter._socket(connection._session.raw) as duplicate:
            yield duplicate


@honours("tcp_keepalive")
@pytest.mark.parametrize("given", ["True", "False"])
def test_keepalive_is_on_or_off_as_it_is_said(cluster: LocalCluster, connect: Connect, given: str) -> None:
    with socket_of(connect(cluster, tcp_keepalive=given)) as connected:
        assert bool(connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) is (given == "True")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("tcp_keepalive_time", socket.TCP_KEEPIDLE),
        ("tcp_keepalive_interval", socket.TCP_KEEPINTVL),
        ("tcp_keepalive_probes", socket.TCP_KEEPCNT),
    ],
)
@honours("tcp_keepalive_time", "tcp_keepalive_interval", "tcp_keepalive_probes")
def test_keepalive_probes_are_sent_as_it_is_said(
    cluster: LocalCluster, connect: Connect, name: str, option: int
) -> None:
    with socket_of(connect(cluster, tcp_keepalive="True", **{name: "7"})) as connected:
        assert connected.getsockopt(socket.IPPROTO_TCP, option) == 7


# The plugin manager


@honours("plugins")
def test_the_plugins_that_are_listed_work_and_no_others(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    printed = user_guide.PLUGIN_MANAGER["plugins"]
    for given, fails_over in {"": False, "failover": True, printed: True, "efm": False}.items():
        assert isinstance(lose(cluster, connect(cluster, plugins=given), driver), FailoverError) is fails_over
    assert isinstance(lose(cluster, connect(cluster), driver), FailoverError)


class Noted(Plugin):
    """Notes that a connection is opened through it."""

    opened: ClassVar[list[str]] = []

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        self.opened.append(self.code)
        return await proceed(host)


class Outer(Noted):
    code = "outer"
    phase = Phase.ROUTING


class Inner(Noted):
    code = "inner"
    phase = Phase.SELECTION


@honours("auto_sort_wrapper_plugin_order")
def test_plugins_are_sorted_unless_that_is_switched_off(
    cluster: LocalCluster, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)  # an odd order is warned about
    for given, expected in {"True": ["outer", "inner"], "False": ["inner", "outer"]}.items():
        Noted.opened.clear()
        connect(cluster, plugins=[Inner, Outer], auto_sort_wrapper_plugin_order=given)
        assert Noted.opened == expected


# Plugins


@honours("failover")
def test_failover_goes_on_with_the_new_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="failover")
    cluster.failover()
    with pytest.raises(FailoverSuccessError):
        execute(connection, "SELECT 1")
    assert_on_true_writer(cluster, connection)


QUICK: dict[str, Any] = {
    "failure_detection_time_ms": 200,
    "failure_detection_interval_ms": 200,
    "failure_detection_count": 2,
}


@honours("host_monitoring")
def test_host_monitoring_ends_a_call_to_a_host_that_hangs(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster, plugins="host_monitoring", **QUICK)
    cluster.writer.proxy.blackhole()
    with pytest.raises(driver.module.Error):
        execute(connection, "SELECT 1")
    assert connection.closed


@honours("stale_dns")
def test_stale_dns_opens_the_true_writer_whatever_dns_says(cluster: LocalCluster, connect: Connect) -> None:
    cluster.set_delays(dns_delay=600.0)
    old = cluster.writer
    cluster.failover(wait="all")
    assert socket.gethostbyname(cluster.writer_endpoint) == old.address
    assert_on_true_writer(cluster, connect(cluster, plugins="stale_dns"))


@honours("aurora_connection_tracker")
def test_the_connection_tracker_ends_connections_to_the_old_writer(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    with Relay(cluster.writer, "127.77.0.1") as line:
        tracked = {"plugins": "aurora_connection_tracker", "topology_refresh_ms": 100, "auxiliary_query_timeout_sec": 1}
        waiting = connect(cluster, line.address, cluster_instance_host_pattern=pattern(cluster), **tracked)
        call = Background(execute, waiting, driver.engine.sleep.format(600))
        line.fall_silent()
        cluster.failover(kind="hang")
        with pytest.raises(driver.module.Error):
            call.result()
        eventually(lambda: line.clients == 0)


@honours("read_write_splitting")
def test_read_write_splitting_moves_between_a_reader_and_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="read_write_splitting")
    assert instance_of(connection) == cluster.writer.name
    connection.read_only = True
    assert instance_of(connection) in [reader.name for reader in cluster.readers]
    connection.read_only = False
    assert instance_of(connection) == cluster.writer.name


@honours("fastest_response_strategy")
def test_the_fastest_response_strategy_chooses_the_quickest_reader(cluster: LocalCluster, connect: Connect) -> None:
    slow, quick = cluster.readers
    slow.proxy.delay(to_client=0.2)
    measured: dict[str, Any] = {
        "plugins": "read_write_splitting,fastest_response_strategy",
        "reader_host_selector_strategy": "fastest_response",
        "response_measurement_interval_ms": 100,
    }
    connect(cluster, **measured)  # has the hosts measured

    def is_chosen_each_time() -> bool:
        chosen = set()
        for _ in range(4):
            connection = connect(cluster, **measured)
            connection.read_only = True
            chosen.add(instance_of(connection))
        return chosen == {quick.name}

    eventually(is_chosen_each_time)
