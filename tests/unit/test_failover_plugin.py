from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import MethodType
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.errors import (
    FailoverError,
    FailoverFailedError,
    FailoverSuccessError,
    TransactionResolutionUnknownError,
)
from aws_advanced_python_wrapper.testing import (
    FakeCluster,
    FakeNetwork,
    LoginError,
    NetworkError,
    OperationalError,
    ReadOnlyError,
)
from support.flavours import BlockingFlavour

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour

SUCCESS = FailoverSuccessError
UNKNOWN = TransactionResolutionUnknownError
FAILED = FailoverFailedError

BRIEF: dict[str, Any] = {"failover_timeout_sec": 0.15}


def play(cluster: FakeCluster, step: str) -> None:
    """Carry out one step of a scenario: kill 1, drop 1, start 1, freeze 1, promote 2, demote to 2 (nobody notices)."""
    what, _, number = step.partition(" ")
    if what == "promote":
        cluster.fail_over(int(number))
    elif what == "demote":
        cluster.fail_over(int(number), drop=False)
    elif what == "dns":
        cluster.network.names[cluster.writer_endpoint] = cluster[int(number)]
    else:
        getattr(cluster[int(number)], what)()


@dataclass
class Case:
    """A session is connected to `endpoint`, the steps are played, then a statement is executed."""

    name: str
    endpoint: str
    steps: str
    outcome: type[Exception]
    on: str | None = None
    """The numbers of the hosts on which the session may go on; None: on none."""
    settings: dict[str, Any] = field(default_factory=dict)
    statement: str = "SELECT"
    before: str = ""
    """A statement executed before the steps."""


def mode(name: str) -> dict[str, Any]:
    return {"failover_mode": name}


CASES = [
    Case("another writer", "writer", "promote 2", SUCCESS, "2"),
    Case("another writer, the old one gone", "writer", "kill 1, promote 3", SUCCESS, "3"),
    Case("the writer again", "writer", "drop 1", SUCCESS, "1"),
    Case("the writer restarts", "writer", "kill 1, start 1", SUCCESS, "1"),
    Case("in a transaction", "writer", "promote 2", UNKNOWN, "2", before="BEGIN"),
    Case("after a transaction", "writer", "promote 2", SUCCESS, "2", before="COMMIT"),
    Case("commit fails", "writer", "promote 2", UNKNOWN, "2", before="BEGIN", statement="COMMIT"),
    Case("no writer", "writer", "kill 1", FAILED, None, BRIEF),
    Case("no host", "writer", "kill 1, kill 2, kill 3", FAILED, None, BRIEF),
    Case("no host, in a transaction", "writer", "kill 1, kill 2, kill 3", FAILED, None, BRIEF, before="BEGIN"),
    Case("a frozen writer elsewhere", "writer", "drop 1, freeze 1", FAILED, None, BRIEF),
    Case("a frozen bystander", "writer", "freeze 3, kill 1, promote 2", SUCCESS, "2"),
    Case("demoted in place", "writer", "demote 2", SUCCESS, "2", statement="INSERT"),
    Case("demoted in place, in a transaction", "writer", "demote 2", UNKNOWN, "2", statement="INSERT", before="BEGIN"),
    Case("demoted in place and only reads", "writer", "demote 2", type(None)),  # type: ignore[arg-type]
    Case("made read-only by the program", "writer", "", ReadOnlyError, "1", statement="INSERT", before="SET READ ONLY"),
    Case("reader endpoint", "reader", "kill 3", SUCCESS, "2"),
    Case("reader endpoint, a cut line", "reader", "drop 3", SUCCESS, "23"),
    Case("reader endpoint, in a transaction", "reader", "kill 3", UNKNOWN, "2", before="BEGIN"),
    Case("reader endpoint, only the writer left", "reader", "kill 2, kill 3", SUCCESS, "1"),
    Case("reader endpoint, no host left", "reader", "kill 1, kill 2, kill 3", FAILED, None, BRIEF),
    Case("reader endpoint, write", "reader", "", ReadOnlyError, "3", statement="INSERT"),
    Case("reader endpoint, promoted", "reader", "promote 3", SUCCESS, "12"),
    Case("strict reader", "reader", "kill 3", SUCCESS, "2", mode("strict_reader")),
    Case("strict reader, none left", "reader", "kill 2, kill 3", FAILED, None, {**mode("strict_reader"), **BRIEF}),
    Case("strict reader, old writer is one", "reader", "kill 2, kill 3, demote 2", SUCCESS, "1", mode("strict_reader")),
    Case("strict reader, write", "reader", "", ReadOnlyError, "3", mode("strict_reader"), "INSERT"),
    Case("strict reader from the writer endpoint", "writer", "kill 1, promote 2", SUCCESS, "3", mode("strict_reader")),
    Case("reader or writer from the writer endpoint", "writer", "kill 1", SUCCESS, "23", mode("reader_or_writer")),
    Case("strict writer from the reader endpoint", "reader", "kill 3", SUCCESS, "1", mode("strict_writer")),
    Case("strict writer on a reader, write", "reader", "", ReadOnlyError, "3", mode("strict_writer"), "INSERT"),
    Case("custom endpoint goes to the writer", "custom", "kill 3", SUCCESS, "1"),
    Case("custom endpoint, strict reader", "custom", "kill 3", SUCCESS, "2", mode("strict_reader")),
    Case("instance endpoint goes to the writer", "2", "kill 2", SUCCESS, "1"),
    Case("instance endpoint, reader or writer", "2", "kill 2", SUCCESS, "3", mode("reader_or_writer")),
    Case("instance endpoint, the only one left", "2", "kill 1, kill 3, drop 2", SUCCESS, "2", mode("reader_or_writer")),
    Case("failover is off", "writer", "promote 2", NetworkError, None, {"enable_failover": False}),
    Case("failover is off, read-only", "writer", "demote 2", ReadOnlyError, "1", {"enable_failover": "no"}, "INSERT"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_call_ends_with_and_where_the_session_goes_on(
    flavour: Flavour, network: FakeNetwork, case: Case
) -> None:
    cluster = FakeCluster(network)
    endpoints = {
        "writer": cluster.writer_endpoint,
        "reader": cluster.reader_endpoint,
        "custom": cluster.custom_endpoint,
    }

    async def scenario() -> None:
        host = endpoints[case.endpoint] if case.endpoint in endpoints else cluster[int(case.endpoint)].name
        session = await flavour.connected(network, host, **case.settings)
        if case.before:
            await flavour.execute(session, case.before)
        raw = session.raw
        for step in filter(None, case.steps.split(", ")):
            play(cluster, step)
        began = time.monotonic()
        error: Any = await outcome(flavour, session, case.statement)
        assert type(error) is case.outcome or isinstance(error, FailoverError)
        assert isinstance(error, case.outcome)
        if isinstance(error, FailoverError):
            assert isinstance(error, OperationalError)
            assert isinstance(error.__cause__, (NetworkError, ReadOnlyError))
        elif error is not None:
            assert (error.__cause__, error.__context__) == (None, None)
        if isinstance(error, FAILED):
            assert time.monotonic() - began > 0.14
        if case.outcome in (SUCCESS, UNKNOWN):
            assert raw.closed
            assert session.raw is not raw
        elif case.on is not None:
            assert session.raw is raw
        if case.on is not None:
            assert await flavour.execute(session, "SELECT") in {f"db-{number}" for number in case.on}
            assert session.host.host_id == session.raw.host.host_id
        ours = network.opened_by("program")
        assert all(connection.closed for connection in ours if connection is not session.raw)

    flavour.run(scenario())


async def outcome(flavour: Flavour, session: Session, statement: str) -> Exception | None:
    try:
        await flavour.execute(session, statement)
    except Exception as error:  # noqa: BLE001 - that is the question
        return error
    return None


def test_a_host_that_takes_the_writers_place_later_is_waited_for(flavour: Flavour, network: FakeNetwork) -> None:
    import threading

    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        cluster[1].kill()
        promotion = threading.Timer(0.1, cluster.fail_over, [2])
        promotion.start()
        with pytest.raises(SUCCESS):
            await flavour.execute(session, "SELECT")
        promotion.join()
        assert session.host.host_id == "db-2"

    flavour.run(scenario())


def test_the_word_of_a_host_counts_and_not_the_tables_of_others(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    old_table = cluster.rows()

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        cluster.fail_over(2)
        for host in cluster.hosts:
            host.table = old_table
        with pytest.raises(SUCCESS):
            await flavour.execute(session, "SELECT")
        assert session.host.host_id == "db-2"

    flavour.run(scenario())


def test_failover_after_failover(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        for number in (2, 3, 1, 2):
            cluster.fail_over(number)
            with pytest.raises(SUCCESS):
                await flavour.execute(session, "SELECT")
            assert await flavour.execute(session, "INSERT") == f"db-{number}"

    flavour.run(scenario())


@pytest.mark.parametrize("callers", [1, 3])
def test_a_failed_failover_is_the_end_of_the_session(flavour: Flavour, network: FakeNetwork, callers: int) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, **BRIEF)
        for host in cluster.hosts:
            host.kill()
        errors = await flavour.together(*(flavour.execute(session, "SELECT") for _ in range(callers)))
        assert any(isinstance(error, FAILED) for error in errors)
        assert all(isinstance(error, (FAILED, NetworkError)) for error in errors)
        assert session.closed
        assert session.raw.closed
        assert isinstance(await outcome(flavour, session, "SELECT"), NetworkError)

    flavour.run(scenario())


def test_credentials_refused_by_the_new_host_end_the_failover(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, **{"topology-monitoring-user": "watcher"})
        network.refused_users.add("app")
        cluster.fail_over(2)
        with pytest.raises(FAILED, match="password authentication failed") as caught:
            await flavour.execute(session, "SELECT")
        assert isinstance(caught.value.__cause__, NetworkError)

    flavour.run(scenario())


def test_state_goes_over_unless_it_is_not_to(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        for transfer in (True, False):
            session = await flavour.connected(network, cluster[1].name, transfer_session_state_on_switch=transfer)
            session.raw.autocommit = True
            cluster[1].drop()
            with pytest.raises(SUCCESS):
                await flavour.execute(session, "SELECT")
            assert session.raw.autocommit is transfer

    flavour.run(scenario())


# Several callers of one session


@pytest.mark.parametrize("callers", [2, 5])
def test_callers_of_one_session_share_one_failover(flavour: Flavour, network: FakeNetwork, callers: int) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        cursors = [session.raw.cursor() for _ in range(callers)]
        cluster.fail_over(2)
        errors = await flavour.together(*(flavour.call(session, cursor.execute, "SELECT") for cursor in cursors))
        assert all(isinstance(error, SUCCESS) for error in errors), errors
        assert len(network.opened_by("program")) == 2

    flavour.run(scenario())


def test_each_caller_is_told_of_the_transaction_in_which_its_own_call_began(network: FakeNetwork) -> None:
    cluster, flavour = FakeCluster(network), BlockingFlavour()
    session = flavour.run(flavour.connected(network, cluster.writer_endpoint))
    raw = session.raw
    session.call(raw.execute, "BEGIN")

    def fails_after_another_callers_failover(connection: Any) -> None:
        with pytest.raises(UNKNOWN):
            session.call(connection.execute, "SELECT")
        connection.execute("SELECT")

    cluster.fail_over(2)
    with pytest.raises(UNKNOWN):
        session.call(MethodType(fails_after_another_callers_failover, raw))


@pytest.mark.parametrize(("before", "expected"), [("BEGIN", UNKNOWN), ("COMMIT", SUCCESS)])
def test_a_late_error_of_a_replaced_connection_is_answered_and_causes_nothing(
    flavour: Flavour, network: FakeNetwork, before: str, expected: type[Exception]
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await flavour.execute(session, before)
        cluster[1].freeze()
        old = [session.raw, session.raw.cursor()]

        async def frozen_call() -> Any:
            return await flavour.call(session, old[1].execute, "SELECT")

        async def failing_call() -> Any:
            await session.io.sleep(0.02)
            cluster[1].kill()
            cluster.fail_over(2)

        late, _ = await flavour.together(frozen_call(), failing_call())
        assert isinstance(late, expected)
        raw = session.raw
        with pytest.raises(FailoverError):  # a cursor that a program has kept from before
            await flavour.call(session, old[1].execute, "SELECT")
        assert session.raw is raw

    flavour.run(scenario())


def test_one_caller_in_a_transaction_means_that_all_are(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await flavour.execute(session, "BEGIN")
        cursors = [session.raw.cursor() for _ in range(3)]
        cluster[1].freeze()
        calls = [flavour.call(session, cursor.execute, "SELECT") for cursor in cursors]

        async def fail_over() -> None:
            await session.io.sleep(0.02)
            cluster[1].kill()
            cluster.fail_over(2)

        *errors, _ = await flavour.together(*calls, fail_over())
        assert all(isinstance(error, UNKNOWN) for error in errors), errors
        assert len(network.opened_by("program")) == 2

    flavour.run(scenario())


# Without a cluster


@pytest.mark.parametrize("statement", ["SELECT", "COMMIT"])
def test_the_error_of_a_plain_database_passes_at_once(flavour: Flavour, network: FakeNetwork, statement: str) -> None:
    cluster = FakeCluster(network, aurora=False)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name)
        cluster[1].kill()
        error = await outcome(flavour, session, statement)
        assert type(error) is NetworkError
        assert (error.__cause__, error.__context__) == (None, None)

    flavour.run(scenario())


# At connect


_KEPT: list[Session] = []


async def _keep(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, **settings: Any) -> None:
    """Hold a connection, so that the cluster is known and watched."""
    _KEPT[:] = [await flavour.connected(network, cluster.writer_endpoint, **settings)]
    assert _KEPT[0].cluster is not None
    assert _KEPT[0].cluster.monitor.is_watching


@pytest.mark.parametrize("kept", [True, False], ids=["with another connection", "alone"])
@pytest.mark.parametrize("endpoint", ["writer", "reader", "instance"])
def test_failover_at_connect(flavour: Flavour, network: FakeNetwork, endpoint: str, kept: bool) -> None:
    cluster = FakeCluster(network)
    name = {"writer": cluster.writer_endpoint, "reader": cluster.reader_endpoint, "instance": cluster[1].name}[endpoint]
    broken = cluster[3] if endpoint == "reader" else cluster[1]

    async def scenario() -> None:
        await _keep(flavour, network, cluster)
        if not kept:
            _KEPT.pop().release()
        broken.kill()
        if endpoint != "reader":
            cluster.fail_over(2)
        session = await flavour.connected(network, name, enable_connect_failover=True)
        assert session.host.host_id == "db-2"
        assert await flavour.execute(session, "SELECT") == "db-2"

    flavour.run(scenario())


@pytest.mark.parametrize("settings", [{}, {"enable_connect_failover": True, "enable_failover": False}])
def test_no_failover_at_connect_unless_asked_for(
    flavour: Flavour, network: FakeNetwork, settings: dict[str, Any]
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        await _keep(flavour, network, cluster)
        cluster[3].kill()
        with pytest.raises(NetworkError) as caught:
            await flavour.connected(network, cluster.reader_endpoint, **settings)
        assert type(caught.value) is NetworkError

    flavour.run(scenario())


def test_refused_credentials_are_no_reason_to_fail_over_at_connect(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        await _keep(flavour, network, cluster)
        network.refused_users.add("stranger")
        network.attempts.clear()
        for endpoint in (cluster.writer_endpoint, cluster.reader_endpoint):
            with pytest.raises(LoginError) as caught:
                await flavour.connected(network, endpoint, user="stranger", enable_connect_failover=True)
            assert type(caught.value) is LoginError
        assert len(network.attempts_by("program")) == 2

    flavour.run(scenario())


def test_a_cluster_that_was_never_met_has_no_failover_at_connect(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    cluster[1].kill()

    async def scenario() -> None:
        with pytest.raises(NetworkError):
            await flavour.connected(network, cluster.writer_endpoint, enable_connect_failover=True)

    flavour.run(scenario())
