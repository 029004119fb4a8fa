from __future__ import annotations

import asyncio
import gc
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.directory import CLUSTERS
from aws_advanced_python_wrapper.cluster.host import HostRole
from aws_advanced_python_wrapper.core.plugin import CallNext, ConnectNext, Failure, Phase, Plugin
from aws_advanced_python_wrapper.database.postgresql import AURORA_PG, TRAITS_SQL
from aws_advanced_python_wrapper.errors import AwsWrapperError, FailoverSuccessError, QueryTimeoutError
from aws_advanced_python_wrapper.testing import (
    DOMAIN,
    FakeCluster,
    FakeNetwork,
    IntegrityError,
    LoginError,
    NetworkError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour

LOG: list[str] = []


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    LOG.clear()


class Loud(Plugin):
    """Writes down every hook."""

    def _note(self, what: str) -> None:
        LOG.append(f"{self.code} {what}")

    def connected(self, opened: Opened) -> None:
        self._note(f"on {opened.host.host.partition('.')[0]}")

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:
        self._note(f"in {function.__name__}{args}")
        try:
            return await proceed(*args, **kwargs)
        finally:
            self._note("out")

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        self._note("connecting")
        opened = await proceed(host)
        self._note("connected")
        return opened

    async def on_error(self, failure: Failure) -> None:
        self._note(f"heard of {failure.kind.value}")

    def close(self) -> None:
        self._note("close")


class Outer(Loud):
    code = "outer"


class Inner(Loud):
    code = "inner"


class Timer(Plugin):
    code = "timer"
    phase = Phase.MONITORING

    def connected(self, opened: Opened) -> None:
        LOG.append(f"watching {opened.host.host_id}")


# Connecting


@pytest.mark.parametrize(
    ("endpoint", "host_id", "role"),
    [
        ("db.cluster-" + DOMAIN, "db-1", HostRole.WRITER),
        ("db.cluster-ro-" + DOMAIN, "db-3", HostRole.READER),
        ("db-few.cluster-custom-" + DOMAIN, "db-3", HostRole.READER),
        ("db-2." + DOMAIN, "db-2", HostRole.READER),
        ("DB-2." + DOMAIN.upper() + ".", "db-2", HostRole.READER),
    ],
)
def test_a_session_knows_the_host_behind_every_kind_of_endpoint(
    flavour: Flavour, network: FakeNetwork, endpoint: str, host_id: str, role: HostRole
) -> None:
    FakeCluster(network)
    network.names[endpoint] = network.names[f"{host_id}.{DOMAIN}"]

    async def scenario() -> None:
        session = await flavour.connected(network, endpoint)
        assert (session.host.host_id, session.host.host, session.host.role) == (host_id, f"{host_id}.{DOMAIN}", role)
        assert await flavour.execute(session, "SELECT") == host_id
        assert session.cluster is not None
        assert session.cluster.knows("db-1")

    flavour.run(scenario())


def test_a_name_of_ones_own_needs_the_pattern_of_instance_names(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    network.names["db.example.com"] = cluster[1]

    async def scenario() -> None:
        session = await flavour.connected(network, "db.example.com", cluster_instance_host_pattern=f"?.{DOMAIN}")
        assert session.host.host == cluster[1].name
        session.release()
        with pytest.raises(AwsWrapperError, match="cluster_instance_host_pattern"):
            await flavour.connected(network, "db.example.com", wrapper_dialect="aurora-pg", cluster_id="other")
        assert network.opened_by("program")[-1].closed

    CLUSTERS.clear()
    flavour.run(scenario())


def test_a_custom_domain_that_stands_for_an_rds_endpoint_needs_no_pattern(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)
    network.names["db.example.com"] = cluster[3]
    network.aliases["db.example.com"] = cluster.writer_endpoint

    async def scenario() -> None:
        session = await flavour.connected(network, "db.example.com")
        assert session.host.host == cluster[3].name, "the alias says nothing of the role"
        assert session.cluster is not None
        assert session.cluster.store.current is not None
        assert len(session.cluster.store.current.hosts) == 3

    flavour.run(scenario())


@pytest.mark.parametrize("behind", ["proxy.proxy-" + DOMAIN, "ec2-1-2-3-4.us-east-2.compute.amazonaws.com"])
def test_an_alias_that_does_not_tell_how_instances_are_called_is_refused_with_advice(
    flavour: Flavour, network: FakeNetwork, behind: str
) -> None:
    network.names["db.example.com"] = FakeCluster(network)[1]
    network.aliases["db.example.com"] = behind

    async def scenario() -> None:
        with pytest.raises(AwsWrapperError, match="Set cluster_instance_host_pattern"):
            await flavour.connected(network, "db.example.com")

    flavour.run(scenario())


def test_clusters_with_the_same_cluster_id_and_instance_names_never_mix(flavour: Flavour, network: FakeNetwork) -> None:
    clusters = [FakeCluster(network), FakeCluster(network, domain="d9x8y7z6wxyz.eu-central-1.rds.amazonaws.com")]
    for number, cluster in enumerate(clusters):
        name = f"db{number}.example.com"
        network.names[name] = cluster[1]
        network.aliases[name] = cluster.writer_endpoint

    async def scenario() -> None:
        for number in (0, 1, 0, 1):
            session = await flavour.connected(network, f"db{number}.example.com", cluster_id="by mistake")
            assert session.host.host == clusters[number][1].name

    flavour.run(scenario())


def test_a_host_that_is_missing_in_its_own_table_is_connected_to(
    flavour: Flavour, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster(network)
    tells = cluster[1].answer

    def forgets_itself(sql: str) -> Any:
        return [(None, "f")] if sql == AURORA_PG.identity_sql else tells(sql)

    async def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(cluster[1], "answer", forgets_itself)
            session = await flavour.connected(network, cluster.writer_endpoint)
            assert (session.host.host, session.host.role) == (cluster.writer_endpoint, HostRole.WRITER)
            assert await flavour.execute(session, "SELECT") == "db-1"
            assert session.cluster is None
        another = await flavour.connected(network, cluster.writer_endpoint)
        assert another.host.host == cluster[1].name

    flavour.run(scenario())


def test_a_server_that_cannot_tell_what_it_is_is_connected_to(
    flavour: Flavour, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = FakeCluster(network)[1]
    tells = host.answer

    def answer(sql: str) -> Any:
        if sql == TRAITS_SQL:
            raise IntegrityError("this console knows SHOW and nothing else")
        return tells(sql)

    async def scenario() -> None:
        monkeypatch.setattr(host, "answer", answer)
        session = await flavour.connected(network, host.name)
        assert session.cluster is None
        assert await flavour.execute(session, "SELECT") == "db-1"

    flavour.run(scenario())


def test_what_one_user_is_not_told_is_no_hindrance_to_others(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        cluster.aurora = False
        blind = await flavour.connected(network, cluster.writer_endpoint, user="blind")
        cluster.aurora = True
        session = await flavour.connected(network, cluster.writer_endpoint, user="granted")
        again = await flavour.connected(network, cluster.writer_endpoint, user="blind")
        assert (blind.cluster, again.cluster) == (None, None)
        assert session.cluster is not None

    flavour.run(scenario())


def test_a_database_without_cluster_is_asked_once_and_watched_by_nobody(flavour: Flavour, network: FakeNetwork) -> None:
    FakeCluster(network, aurora=False)

    async def scenario() -> None:
        for _ in range(2):
            session = await flavour.connected(network, f"db-1.{DOMAIN}")
            assert session.cluster is None
            assert session.host.role is HostRole.UNKNOWN
            session.release()
        assert network.attempts_by("monitor") == []

    flavour.run(scenario())


def test_behind_a_proxy_nothing_is_asked(flavour: Flavour, network: FakeNetwork) -> None:
    endpoint = f"db.proxy-{DOMAIN}"
    network.names[endpoint] = FakeCluster(network)[1]

    async def scenario() -> None:
        session = await flavour.connected(network, endpoint)
        assert session.cluster is None
        network.names[endpoint].drop()
        with pytest.raises(NetworkError):
            await flavour.execute(session, "SELECT")

    flavour.run(scenario())


@pytest.mark.parametrize("settings", [{"plugins": ()}, {"plugins": (Timer,)}])
def test_without_a_plugin_that_needs_it_the_topology_is_left_alone(
    flavour: Flavour, network: FakeNetwork, settings: dict[str, Any]
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, **settings)
        assert session.cluster is None
        assert await flavour.execute(session, "SELECT") == "db-1"

    flavour.run(scenario())


def test_a_host_missing_in_its_own_table_can_be_connected_to(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    cluster[3].table = cluster.rows()[:2]

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[3].name)
        assert await flavour.execute(session, "SELECT") == "db-3"
        assert (session.host.host, session.host.role) == (cluster[3].name, HostRole.READER)

    flavour.run(scenario())


@pytest.mark.parametrize(
    ("what", "expected"), [("refused", NetworkError), ("login", LoginError), ("unknown name", NetworkError)]
)
def test_the_drivers_error_at_connect_is_the_programs(
    flavour: Flavour, network: FakeNetwork, what: str, expected: type[Exception]
) -> None:
    cluster = FakeCluster(network)
    if what == "refused":
        cluster[1].kill()
    if what == "login":
        network.refused_users.add("app")
    if what == "unknown name":
        del network.names[cluster.writer_endpoint]

    async def scenario() -> None:
        with pytest.raises(expected) as caught:
            await flavour.connected(network, cluster.writer_endpoint)
        assert type(caught.value) is expected
        assert network.attempts == [("program", cluster.writer_endpoint)]

    flavour.run(scenario())


def test_a_host_that_does_not_answer_our_own_questions_in_time_is_given_up(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = flavour.session(network, cluster.writer_endpoint, auxiliary_query_timeout_sec=0.02)
        network.after_connect = cluster[1].freeze
        with pytest.raises(QueryTimeoutError):
            await session.connect()
        assert network.opened[0].closed

    flavour.run(scenario())


# Calls and hooks


def test_hooks_stand_around_a_call_in_the_order_of_the_plugins(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, [Outer, Inner])
        await flavour.execute(session, "SELECT")
        session.release()
        session.release()

    flavour.run(scenario())
    assert [
        *("outer connecting", "inner connecting", "inner connected", "outer connected"),
        *("outer on db", "inner on db"),
        *("outer in execute('SELECT',)", "inner in execute('SELECT',)", "inner out", "outer out"),
        *("outer close", "inner close"),
    ] == LOG


def test_the_plugin_nearest_to_the_driver_hears_of_an_error_first(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, [Outer, Inner])
        cluster[1].drop()
        LOG.clear()
        with pytest.raises(NetworkError):
            await flavour.execute(session, "SELECT")

    flavour.run(scenario())
    assert LOG[-2:] == ["inner heard of network", "outer heard of network"]


def test_a_call_counts_as_running_until_the_driver_has_answered(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    seen: list[int] = []

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, [])
        raw = session.raw

        def execute() -> Any:
            seen.append(len(session.running))
            return raw.execute("SELECT")

        await flavour.call(session, execute)
        network.faults["SELECT"] = IntegrityError("duplicate key")
        with pytest.raises(IntegrityError):
            await flavour.call(session, execute)
        assert session.running == []

    flavour.run(scenario())
    assert seen == [1, 1]


def test_plugins_hear_of_the_connection_again_once_the_background_threads_have_ended(
    flavour: Flavour, network: FakeNetwork
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, ["failover", Inner])
        monitor = session.cluster.monitor if session.cluster else None
        LOG.clear()
        await flavour.execute(session, "SELECT")
        assert "inner on db-1" not in LOG
        CLUSTERS.clear()
        assert monitor
        await flavour.execute(session, "SELECT")
        await flavour.execute(session, "SELECT")
        assert LOG.count("inner on db-1") == 1
        assert monitor.threads
        session.release()

    flavour.run(scenario())


def test_plugins_hear_of_the_connection_as_it_was_opened(flavour: Flavour, network: FakeNetwork) -> None:
    heard = []

    class Listening(Plugin):
        code = "listening"

        def connected(self, opened: Opened) -> None:
            heard.append(opened)

    async def scenario() -> None:
        session = await flavour.connected(network, FakeCluster(network).writer_endpoint, [Listening])
        CLUSTERS.clear()
        await flavour.execute(session, "SELECT")
        assert [opened is session.current for opened in heard] == [True, True]
        session.release()

    flavour.run(scenario())


@pytest.mark.parametrize("plugins", [(), (Timer,), (Outer,), ("failover",), ("failover", Outer)])
@pytest.mark.parametrize(
    "fault", [IntegrityError("duplicate key"), ValueError("no driver's error"), LoginError("denied")], ids=repr
)
def test_what_failover_does_not_handle_passes_as_the_same_object(
    flavour: Flavour, network: FakeNetwork, plugins: tuple[Any, ...], fault: Exception
) -> None:
    cluster = FakeCluster(network)
    network.faults["SELECT"] = fault

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, plugins)
        with pytest.raises(type(fault)) as caught:
            await flavour.execute(session, "SELECT")
        assert caught.value is fault
        assert (fault.__cause__, fault.__context__) == (None, None)
        assert await flavour.execute(session, "SELECT") == "db-1"
        assert len(network.opened_by("program")) == 1

    flavour.run(scenario())


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()], ids=repr)
@pytest.mark.parametrize("plugins", [("failover",), ("failover", Outer)])
def test_an_interrupted_call_is_no_failure_of_the_host(
    flavour: Flavour, network: FakeNetwork, fault: BaseException, plugins: tuple[Any, ...]
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, plugins)
        raw = session.raw
        network.faults["SELECT"] = fault
        with pytest.raises(type(fault)):
            await _stepwise(flavour.call(session, raw.execute, "SELECT"))
        assert session.raw is raw
        assert await flavour.execute(session, "SELECT") == "db-1"

    flavour.run(scenario())
    assert not any("heard" in line for line in LOG)


async def _stepwise(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine without a task of its own: asyncio ends its loop when a task raises KeyboardInterrupt."""
    while True:
        coroutine.send(None)


def test_cancelling_a_task_that_waits_for_a_frozen_host_changes_nothing(network: FakeNetwork) -> None:
    from support.flavours import AsyncioFlavour

    flavour = AsyncioFlavour()
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        raw = session.raw
        cluster[1].freeze()
        task = asyncio.ensure_future(session.acall(raw.execute, "SELECT"))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session.raw is raw
        cluster[1].start()
        assert await flavour.execute(session, "SELECT") == "db-1"

    flavour.run(scenario())


def test_plugins_hear_whether_a_transaction_was_open_when_the_call_began(
    flavour: Flavour, network: FakeNetwork
) -> None:
    class Listener(Plugin):
        code = "listener"

        async def on_error(self, failure: Failure) -> None:
            LOG.append(f"in transaction: {failure.in_transaction}")

    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, [Listener])
        for sql in ("BEGIN", "COMMIT"):
            await flavour.execute(session, sql)
            network.faults["SELECT"] = NetworkError("as if lost")
            with pytest.raises(NetworkError):
                await flavour.execute(session, "SELECT")

    flavour.run(scenario())
    assert LOG == ["in transaction: True", "in transaction: False"]


def test_after_the_end_of_a_session_errors_pass(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        session.release()
        cluster[1].drop()
        with pytest.raises(NetworkError) as caught:
            await flavour.execute(session, "SELECT")
        assert type(caught.value) is NetworkError

    flavour.run(scenario())


# Collection


@pytest.fixture
def _without_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_gc")
@pytest.mark.parametrize("history", ["calls", "an error", "a failover", "a failed connect"])
def test_a_dropped_session_goes_by_reference_counting_alone(
    flavour: Flavour, network: FakeNetwork, history: str
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> weakref.ref[Session]:
        session = flavour.session(network, cluster.writer_endpoint, ["failover", Outer])
        if history == "a failed connect":
            network.refused_users.add("app")
            with pytest.raises(LoginError):
                await session.connect()
            return weakref.ref(session)
        await session.connect()
        await flavour.execute(session, "SELECT")
        if history == "an error":
            network.faults["SELECT"] = IntegrityError()
            with pytest.raises(IntegrityError):
                await flavour.execute(session, "SELECT")
        if history == "a failover":
            cluster.fail_over(2)
            with pytest.raises(FailoverSuccessError):
                await flavour.execute(session, "SELECT")
        return weakref.ref(session)

    _wait_until_gone(flavour.run(scenario()))


def _wait_until_gone(session: weakref.ref[Session]) -> None:
    deadline = time.monotonic() + 2
    while session() is not None:  # the monitor may just be counting the members of the cluster
        assert time.monotonic() < deadline, gc.get_referrers(session())
        time.sleep(0.001)


def test_a_dropped_session_ends_the_monitor(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> Any:
        session = await flavour.connected(network, cluster.writer_endpoint)
        assert session.cluster is not None
        assert len(session.cluster.monitor.threads) == 1
        return session.cluster.monitor.threads

    (thread,) = flavour.run(scenario())
    thread.join(5)
    assert not thread.is_alive()


def test_the_text_of_a_session_tells_host_and_state_and_no_secret(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, password="hush-hush")
        assert repr(session) == f"<Session <HostInfo db-1.{DOMAIN}:5432 writer available> open>"
        session.release()
        assert repr(session).endswith("closed>")
        assert "hush-hush" not in repr(vars(session))

    flavour.run(scenario())
