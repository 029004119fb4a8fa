"""A walk through the tables of the user guide: each row is accepted as it is printed, and honoured.

What honours a row is a test below that says so; a row without one fails the walk.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
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
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection, AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.aio.connection_provider import AsyncConnectionProviderManager
from aws_advanced_python_wrapper.connection_provider import ConnectionProviderManager
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.parameters.catalogue import PARAMETERS
from aws_advanced_python_wrapper.plugin import ConnectNext, Opened, Phase, Plugin
from aws_advanced_python_wrapper.properties import Settings
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import SqlAlchemyPooledConnectionProvider
from cluster.relay import Relay
from cluster.support import WHO, Background, assert_on_true_writer, at_server, eventually, fresh_table, pattern, value
from support import user_guide
from support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.support import Connect

Test = TypeVar("Test", bound="Callable[..., None]")

PARAMETER_ROWS = {**user_guide.PARAMETERS, **user_guide.NETWORK_TIMEOUTS, **user_guide.PLUGIN_MANAGER}
ROWS = [*PARAMETER_ROWS, *user_guide.PLUGINS.values()]

# What is given for a parameter in the walk, where no default is printed.
EXAMPLES = {
    "wrapper_dialect": "aurora-pg",
    "wrapper_driver_dialect": "psycopg",
    "cluster_id": "mine",
    "connect_timeout": "10",
    "socket_timeout": "30",
    "tcp_keepalive": "True",
    "tcp_keepalive_time": "60",
    "tcp_keepalive_interval": "10",
    "tcp_keepalive_probes": "5",
}

HONOURED: dict[str, str] = {}
"""Row -> the test that shows it."""


def honours(*rows: str) -> Callable[[Test], Test]:
    """Say which rows of the user guide a test shows to be honoured."""

    def enter(test: Test) -> Test:
        HONOURED.update(dict.fromkeys(rows, test.__name__))
        return test

    return enter


# Every row


def test_every_row_is_shown_to_be_honoured_or_said_to_come_later() -> None:
    assert sorted(HONOURED) == sorted(set(ROWS) - user_guide.LATER)


@pytest.mark.parametrize("name", PARAMETER_ROWS)
def test_a_parameter_has_the_default_that_is_printed(name: str) -> None:
    printed = user_guide.MISPRINTED.get(name, PARAMETER_ROWS[name])
    parameter = PARAMETERS[name]
    if name == "plugins":
        assert plugin_classes(parameter.read(printed), sort=True) == plugin_classes(parameter.default, sort=True)
    else:
        assert parameter.default == (None if printed == "None" else parameter.read(printed))


@pytest.mark.parametrize("name", PARAMETER_ROWS)
def test_a_parameter_is_accepted_however_it_is_given(cluster: LocalCluster, connect: Connect, name: str) -> None:
    examples = {**PARAMETER_ROWS, **EXAMPLES, "cluster_instance_host_pattern": pattern(cluster)}
    given = examples[name]
    written = Settings.from_arguments(f"postgresql://db/app?{name}={given}", {}, ())[PARAMETERS[name]]
    assert Settings.from_arguments(f"host=db {name}={given}", {}, ())[PARAMETERS[name]] == written
    settings = connect(cluster, **{name: given})._session.settings
    assert settings[PARAMETERS[name]] == written


@pytest.mark.parametrize("code", sorted(set(user_guide.PLUGINS.values()) - user_guide.LATER))
def test_a_plugin_is_accepted_under_the_code_that_is_printed(
    cluster: LocalCluster, connect: Connect, code: str
) -> None:
    (plugin,) = connect(cluster, plugins=code)._session.plugins
    assert plugin.code == code


@pytest.mark.parametrize("code", sorted(user_guide.LATER))
def test_a_plugin_that_comes_later_is_refused_with_words_that_say_so(
    cluster: LocalCluster, connect: Connect, code: str
) -> None:
    with pytest.raises(AwsWrapperError, match=f"the plugin '{code}' is not supported yet"):
        connect(cluster, plugins=f"failover,{code}")


# Parameters


def lose(cluster: LocalCluster, connection: Any) -> psycopg.Error:
    """Have the writer end the connection; return what the program sees at its next call."""
    at_server(cluster, cluster.writer.name, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 20000)")
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("SELECT 1")
    return caught.value


@honours("wrapper_dialect")
def test_the_dialect_is_what_it_is_said_to_be_and_otherwise_found_by_asking(
    cluster: LocalCluster, connect: Connect
) -> None:
    assert not isinstance(lose(cluster, connect(cluster, wrapper_dialect="pg")), FailoverError)
    assert isinstance(lose(cluster, connect(cluster, wrapper_dialect="aurora-pg")), FailoverSuccessError)
    release_resources()
    assert isinstance(lose(cluster, connect(cluster)), FailoverSuccessError)


@honours("wrapper_driver_dialect")
def test_the_driver_of_a_connect_function_of_ones_own_can_be_named(cluster: LocalCluster) -> None:
    def mine(**arguments: Any) -> Any:
        return psycopg.connect(**arguments)

    async def mine_in_a_loop(**arguments: Any) -> Any:
        return await psycopg.AsyncConnection.connect(**arguments)

    async def connect_in_a_loop(**arguments: Any) -> None:
        await (await AsyncAwsWrapperConnection.connect(mine_in_a_loop, cluster.conninfo(), **arguments)).close()

    AwsWrapperConnection.connect(mine, cluster.conninfo(), wrapper_driver_dialect="psycopg").close()
    asyncio.run(connect_in_a_loop(wrapper_driver_dialect="psycopg"))
    with pytest.raises(AwsWrapperError, match="wrapper_driver_dialect"):
        AwsWrapperConnection.connect(mine, cluster.conninfo())
    with pytest.raises(AwsWrapperError, match="wrapper_driver_dialect"):
        asyncio.run(connect_in_a_loop())


@honours("auxiliary_query_timeout_sec")
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
def test_the_topology_is_refreshed_at_the_pace_that_is_given(cluster: LocalCluster, connect: Connect) -> None:
    def looks_while_the_program_works(refresh: Any) -> int:
        release_resources()
        connection: Any = connect(cluster, topology_refresh_ms=refresh)
        store = connection._session.cluster.store
        seen = set()
        for _ in range(25):
            seen.add(store.current.writer_verified_at)
            connection.execute("SELECT pg_sleep(0.02)")
        return len(seen)

    assert looks_while_the_program_works("10") > 3
    assert looks_while_the_program_works(None) == 1


@honours("cluster_id")
def test_connections_with_the_same_cluster_id_share_what_is_known(cluster: LocalCluster, connect: Connect) -> None:
    hosts = {"cluster_instance_host_pattern": pattern(cluster), "enable_connect_failover": True}
    first = connect(cluster, cluster.writer.address, cluster_id="mine", **hosts)
    lost = cluster.readers[0]
    lost.proxy.refuse()
    second = connect(cluster, lost.address, cluster_id="mine", **hosts)  # which knows the other hosts only by the first
    assert second._session.cluster is first._session.cluster
    assert value(second, WHO) == cluster.writer.name
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(cluster, lost.address, cluster_id="another", **hosts)


@honours("cluster_instance_host_pattern")
@pytest.mark.parametrize("with_port", [False, True], ids=["without port", "with port"])
def test_a_host_that_tells_nothing_needs_a_pattern(cluster: LocalCluster, connect: Connect, with_port: bool) -> None:
    text = pattern(cluster) + (f":{cluster.port}" if with_port else "")
    connection = connect(cluster, cluster.writer.address, cluster_instance_host_pattern=text)
    new_writer = cluster.failover(wait="all").new_writer
    with pytest.raises(FailoverSuccessError):
        connection.execute("SELECT 1")
    assert value(connection, WHO) == new_writer
    release_resources()
    with pytest.raises(AwsWrapperError, match=r"Set cluster_instance_host_pattern .* '\?\.c1x2y3z4abcd"):
        connect(cluster, cluster.writer.address)


@honours("transfer_session_state_on_switch")
def test_what_the_program_has_set_goes_over_to_the_next_connection_or_not(
    cluster: LocalCluster, connect: Connect
) -> None:
    level = psycopg.IsolationLevel.SERIALIZABLE
    for given, expected in ({}, level), ({"transfer_session_state_on_switch": "False"}, None):
        connection = connect(cluster, **given)
        connection.isolation_level = level
        assert isinstance(lose(cluster, connection), FailoverSuccessError)
        assert connection.isolation_level == expected


@pytest.fixture
def pools() -> Iterator[None]:
    """Have the connections of both flavours come from pools of this driver's."""
    ConnectionProviderManager.set_connection_provider(SqlAlchemyPooledConnectionProvider())
    AsyncConnectionProviderManager.set_connection_provider(AsyncPooledConnectionProvider())
    yield
    for manager in (ConnectionProviderManager, AsyncConnectionProviderManager):
        manager.release_resources()
        manager.reset_provider()


@honours("reset_session_state_on_close")
@pytest.mark.usefixtures("pools")
def test_who_gets_a_connection_from_a_pool_finds_what_others_have_set_or_not(
    cluster: LocalCluster, connect: Connect
) -> None:
    level = psycopg.IsolationLevel.SERIALIZABLE
    for given, expected in {"True": None, "False": level}.items():
        pids = []
        for before in (None, expected):
            connection = connect(cluster, cluster.writer.host, user=cluster.user, reset_session_state_on_close=given)
            assert connection.isolation_level == before
            connection.isolation_level = level
            pids.append(connection.info.backend_pid)
            connection.close()
        assert len(set(pids)) == 1


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
    cluster: LocalCluster, connect: Connect
) -> None:
    table = fresh_table(cluster, "guide")
    moving = connect(cluster, plugins=[Elsewhere], autocommit=False)
    moving.execute(f"INSERT INTO {table} VALUES (1)")
    moving.read_only = True
    assert value(moving, "SELECT pg_is_in_recovery()") is True
    staying = connect(cluster, plugins=[Elsewhere], autocommit=False, rollback_on_switch="False")
    staying.execute(f"INSERT INTO {table} VALUES (2)")
    with pytest.raises(psycopg.ProgrammingError, match="rollback_on_switch is false"):
        staying.read_only = True
    staying.commit()
    assert staying.execute(f"SELECT id FROM {table}").fetchall() == [(2,)]


# Network timeouts


@honours("connect_timeout")
def test_an_attempt_to_connect_ends_in_time(cluster: LocalCluster, connect: Connect) -> None:
    cluster.writer.proxy.blackhole()
    with pytest.raises(psycopg.OperationalError, match="timeout"):
        connect(cluster, cluster.writer.host, connect_timeout="2")


@honours("socket_timeout")
def test_a_call_ends_in_time_although_the_server_says_nothing(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="", socket_timeout="0.3")
    connection.execute("SELECT 1")
    cluster.pause(cluster.writer)
    with pytest.raises(QueryTimeoutError):
        connection.execute("SELECT 1")
    assert connection.closed


@contextmanager
def socket_of(connection: Any) -> Iterator[socket.socket]:
    with closing(socket.socket(fileno=os.dup(connection.fileno()))) as duplicate:
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
def test_the_plugins_that_are_listed_work_and_no_others(cluster: LocalCluster, connect: Connect) -> None:
    printed = user_guide.PLUGIN_MANAGER["plugins"]
    for given, fails_over in {"": False, "failover": True, printed: True, "efm": False}.items():
        assert isinstance(lose(cluster, connect(cluster, plugins=given)), FailoverError) is fails_over
    assert isinstance(lose(cluster, connect(cluster)), FailoverError)


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
        connection.execute("SELECT 1")
    assert_on_true_writer(cluster, connection)


QUICK: dict[str, Any] = {
    "failure_detection_time_ms": 200,
    "failure_detection_interval_ms": 200,
    "failure_detection_count": 2,
}


@honours("host_monitoring")
def test_host_monitoring_ends_a_call_to_a_host_that_hangs(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="host_monitoring", **QUICK)
    cluster.writer.proxy.blackhole()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    assert connection.closed


@honours("stale_dns")
def test_stale_dns_opens_the_true_writer_whatever_dns_says(cluster: LocalCluster, connect: Connect) -> None:
    cluster.set_delays(dns_delay=600.0)
    old = cluster.writer
    cluster.failover(wait="all")
    assert socket.gethostbyname(cluster.writer_endpoint) == old.address
    assert_on_true_writer(cluster, connect(cluster, plugins="stale_dns"))


@honours("aurora_connection_tracker")
def test_the_connection_tracker_ends_connections_to_the_old_writer(cluster: LocalCluster, connect: Connect) -> None:
    with Relay(cluster.writer, "127.77.0.1") as line:
        tracked = {"plugins": "aurora_connection_tracker", "topology_refresh_ms": 100, "auxiliary_query_timeout_sec": 1}
        waiting = connect(cluster, hostaddr=line.address, **tracked)
        call = Background(waiting.execute, "SELECT pg_sleep(600)")
        line.fall_silent()
        cluster.failover(kind="hang")
        with pytest.raises(psycopg.OperationalError):
            call.result()
        eventually(lambda: line.clients == 0)


@honours("read_write_splitting")
def test_read_write_splitting_moves_between_a_reader_and_the_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, plugins="read_write_splitting")
    assert value(connection, WHO) == cluster.writer.name
    connection.read_only = True
    assert value(connection, WHO) in [reader.name for reader in cluster.readers]
    connection.read_only = False
    assert value(connection, WHO) == cluster.writer.name


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
            chosen.add(value(connection, WHO))
        return chosen == {quick.name}

    eventually(is_chosen_each_time)
