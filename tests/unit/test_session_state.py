"""What a program has set goes over to the next connection, or the next connection is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.errors import AwsWrapperError, FailoverFailedError, FailoverSuccessError
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork
from aws_advanced_python_wrapper.testing.connection import SESSION_QUERY
from aws_advanced_python_wrapper.testing.errors import NetworkError, ProgrammingError
from support.flavours import BlockingFlavour

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour


async def fail_over(flavour: Flavour, cluster: FakeCluster, session: Session, to: int = 2) -> None:
    cluster.fail_over(to)
    with pytest.raises(FailoverSuccessError):
        await flavour.execute(session, "SELECT")
    assert session.host.host_id == cluster[to].host_id


def in_flavour(flavour: Flavour, hook: Callable[[Any], None]) -> Callable[[Any], Any]:
    """Return a hook as a program of the flavour writes it."""

    async def awaited(raw: Any) -> None:
        hook(raw)

    return awaited if flavour.asynchronous else hook


@pytest.mark.parametrize(
    ("schema", "stored"), [("app", ["app"]), (["app", "public"], ["app", "public"]), ([], []), (None, None)]
)
def test_schema_and_role_go_over_to_the_next_host(
    flavour: Flavour, network: FakeNetwork, schema: Any, stored: Any
) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        first = session.raw
        await session.state.set_schema(session.raw, schema)
        await session.state.set_role(session.raw, "reporting")
        await fail_over(flavour, cluster, session)
        assert session.raw is not first
        assert session.raw.session_state == {"schema": stored, "role": "reporting"}
        assert session.raw.statements == []

    flavour.run(scenario())


@pytest.mark.parametrize("wrong", [5, [5], b"app", {"app": 1}, ["app", None]], ids=repr)
def test_what_is_no_name_is_refused(flavour: Flavour, network: FakeNetwork, wrong: Any) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        with pytest.raises(AwsWrapperError, match="set_schema takes the name of a schema, a list of names, or None"):
            await session.state.set_schema(session.raw, wrong)
        with pytest.raises(AwsWrapperError, match="set_role takes the name of a role, or None"):
            await session.state.set_role(session.raw, wrong)
        assert repr(session.state) == "<SessionState {}>"

    flavour.run(scenario())


def test_where_nothing_was_set_nothing_is_sent(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    network.faults[SESSION_QUERY] = ProgrammingError("nobody asked")

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await fail_over(flavour, cluster, session)
        assert SESSION_QUERY in network.faults

    flavour.run(scenario())


def test_what_the_server_has_refused_is_not_tried_on_the_next_one(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await session.state.set_role(session.raw, "reporting")
        network.faults[SESSION_QUERY] = ProgrammingError("no such role")
        with pytest.raises(ProgrammingError):
            await session.state.set_role(session.raw, "nobody")
        await fail_over(flavour, cluster, session)
        assert session.raw.session_state == {"role": "reporting"}

    flavour.run(scenario())


def test_inside_a_transaction_neither_can_be_set(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await flavour.execute(session, "BEGIN")
        with pytest.raises(ProgrammingError):
            await session.state.set_schema(session.raw, "app")
        assert session.raw.session_state == {}

    flavour.run(scenario())


def test_a_connection_that_comes_back_has_the_state_of_the_moment(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        writer = session.current
        await session.state.set_schema(session.raw, "app")
        await session.state.set_role(session.raw, "reporting")
        assert await session.exchange(await session.open(session.host), "a test") is writer
        session.raw.autocommit = True
        await session.state.set_schema(session.raw, "other")
        await session.state.set_role(session.raw, None)
        await session.exchange(writer, "a test")
        assert session.raw is writer.raw
        assert (session.raw.autocommit, session.raw.session_state) == (True, {"schema": ["other"], "role": None})

    flavour.run(scenario())


def test_a_host_lost_before_it_has_the_state_is_a_failed_attempt(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await session.state.set_schema(session.raw, "app")
        network.faults[SESSION_QUERY] = NetworkError("lost again")
        await fail_over(flavour, cluster, session)
        assert SESSION_QUERY not in network.faults
        assert session.raw.session_state == {"schema": ["app"]}
        _first, refused, last = network.opened_by("program")
        assert refused.closed
        assert last is session.raw

    flavour.run(scenario())


@pytest.mark.parametrize("who", ["server", "on_switch"])
def test_whoever_refuses_the_state_ends_the_failover(flavour: Flavour, network: FakeNetwork, who: str) -> None:
    cluster = FakeCluster(network)
    refusal = ProgrammingError("the role is gone")

    def refuse(_: Any) -> None:
        raise refusal

    async def scenario() -> None:
        hook: dict[str, Any] = {"on_switch": in_flavour(flavour, refuse)} if who == "on_switch" else {}
        session = await flavour.connected(network, cluster.writer_endpoint, **hook)
        await session.state.set_role(session.raw, "reporting")
        if who == "server":
            network.faults[SESSION_QUERY] = refusal
        cluster.fail_over(2)
        with pytest.raises(FailoverFailedError, match="the role is gone") as caught:
            await flavour.execute(session, "SELECT")
        assert caught.value.__cause__ is refusal
        assert session.closed
        assert all(connection.closed for connection in network.opened_by("program"))

    flavour.run(scenario())


@pytest.mark.parametrize("transfer", [True, False])
def test_the_users_own_transfer_follows_each_switch(flavour: Flavour, network: FakeNetwork, transfer: bool) -> None:
    cluster = FakeCluster(network)
    seen: list[Any] = []

    async def scenario() -> None:
        hook = in_flavour(flavour, lambda raw: seen.append((raw, dict(raw.session_state))))
        session = await flavour.connected(
            network, cluster.writer_endpoint, on_switch=hook, transfer_session_state_on_switch=transfer
        )
        await session.state.set_schema(session.raw, "app")
        assert seen == []
        for to in (2, 3):
            await fail_over(flavour, cluster, session, to)
            assert seen.pop() == (session.raw, {"schema": ["app"]} if transfer else {})
        left = await session.exchange(await session.open(session.host), "a test")
        assert seen.pop()[0] is session.raw is not left.raw
        assert seen == []

    flavour.run(scenario())


def test_what_the_users_own_transfer_leaves_open_is_committed(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        def begin(raw: Any) -> Any:
            return raw.execute("BEGIN")

        session = await flavour.connected(network, cluster.writer_endpoint, on_switch=begin)
        await fail_over(flavour, cluster, session)
        assert session.raw.statements == ["BEGIN", "COMMIT"]

    flavour.run(scenario())


def test_on_switch_takes_a_function_that_the_flavour_can_call(network: FakeNetwork) -> None:
    async def hook(_: Any) -> None: ...

    with pytest.raises(AwsWrapperError, match="on_switch"):
        BlockingFlavour().session(network, "db", on_switch=hook)
    with pytest.raises(AwsWrapperError, match="on_switch"):
        BlockingFlavour().session(network, "db", on_switch="os.system")


def test_a_transaction_on_a_connection_that_is_left_is_rolled_back(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        await flavour.execute(session, "BEGIN")
        left = await session.exchange(await session.open(session.host), "a test")
        assert left.raw.statements == ["BEGIN", "ROLLBACK"]
        assert session.raw.statements == []

    flavour.run(scenario())


def test_without_rollback_on_switch_no_transaction_is_left(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, rollback_on_switch=False)
        raw = session.raw
        await flavour.execute(session, "BEGIN")
        opened = await session.open(session.host)
        with pytest.raises(ProgrammingError, match="rollback_on_switch"):
            await session.exchange(opened, "a test")
        assert session.raw is raw
        assert raw.statements == ["BEGIN"]
        assert opened.raw.closed

    flavour.run(scenario())


def test_a_transaction_on_a_silent_host_is_left_to_it(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint, auxiliary_query_timeout_sec=0.05)
        await flavour.execute(session, "BEGIN")
        opened = await session.open(session.host)
        cluster[1].freeze()
        left = await session.exchange(opened, "a test")
        assert left.raw.closed
        assert session.raw is opened.raw

    flavour.run(scenario())


def test_who_is_interrupted_in_the_rollback_leaves_no_connection_behind(flavour: Flavour, network: FakeNetwork) -> None:
    class Interrupted(BaseException):
        """As KeyboardInterrupt, or a cancellation."""

    cluster = FakeCluster(network)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster.writer_endpoint)
        raw = session.raw
        await flavour.execute(session, "BEGIN")
        opened = await session.open(session.host)
        network.faults["ROLLBACK"] = Interrupted()
        with pytest.raises(Interrupted):
            await session.exchange(opened, "a test")
        assert opened.raw.closed
        assert session.raw is raw

    flavour.run(scenario())
