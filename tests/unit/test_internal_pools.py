"""Internal pools: what is lent is as good as new, and what is given back is nobody's any more."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.aio import AsyncPooledConnectionProvider
from aws_advanced_python_wrapper.connection_provider import AsyncConnectionProviderManager, ConnectionProviderManager
from aws_advanced_python_wrapper.core.leases import provider_for
from aws_advanced_python_wrapper.core.plugin import Plugin
from aws_advanced_python_wrapper.core.sign_in import DatabaseCredentials, SignIn
from aws_advanced_python_wrapper.errors import (
    AwsWrapperError,
    FailoverFailedError,
    FailoverSuccessError,
    ReadWriteSplittingError,
)
from aws_advanced_python_wrapper.sql_alchemy_connection_provider import PoolKey, SqlAlchemyPooledConnectionProvider
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork
from aws_advanced_python_wrapper.testing.errors import LoginError, NetworkError
from support.flavours import AsyncioFlavour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.pools import PooledConnectionProvider
    from aws_advanced_python_wrapper.core.session import Session
    from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings
    from support.flavours import Flavour

    SetUp = Callable[..., PooledConnectionProvider]

SPLITTING = ("read_write_splitting", "failover")


@pytest.fixture
def pooled(flavour: Flavour) -> Iterator[SetUp]:
    """Return a function that sets the provider of the flavour; its arguments are those of the provider."""
    manager = AsyncConnectionProviderManager if flavour.asynchronous else ConnectionProviderManager

    def set_up(size: int = 3, timeout: float = 10, **arguments: Any) -> PooledConnectionProvider:
        options = {"pool_size": size, "max_overflow": 0, "timeout": timeout}
        arguments.setdefault("pool_configurator", lambda _host, _props: options)
        provider: Any = (AsyncPooledConnectionProvider if flavour.asynchronous else SqlAlchemyPooledConnectionProvider)(
            **arguments
        )
        manager.set_connection_provider(provider)
        return provider  # type: ignore[no-any-return]

    yield set_up
    manager.reset_provider()


@pytest.mark.parametrize("wrong", [None, 5, SqlAlchemyPooledConnectionProvider], ids=repr)
def test_what_is_no_provider_is_refused(wrong: Any) -> None:
    for manager in (ConnectionProviderManager, AsyncConnectionProviderManager):
        with pytest.raises(AwsWrapperError, match="is no provider, which has the methods accepts, lease"):
            manager.set_connection_provider(wrong)


def lent(provider: PooledConnectionProvider) -> int:
    return sum(pool.in_use for _, pool in provider._pools.values())


async def close_all(*sessions: Session) -> None:
    for session in sessions:
        await session.end()


def test_a_connection_that_was_closed_is_the_next_programs(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled()

    async def scenario() -> None:
        first = await flavour.connected(network, cluster[2].name)
        raw = first.raw
        await first.end()
        assert (lent(provider), raw.closed) == (0, False)
        second = await flavour.connected(network, cluster[2].name)
        assert second.raw is raw
        assert lent(provider) == 1
        assert await flavour.execute(second, "SELECT") == "db-2"
        await second.end()

    flavour.run(scenario())


def test_the_next_program_finds_what_a_new_connection_has(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    pooled()

    async def scenario() -> None:
        first = await flavour.connected(network, cluster[2].name)
        raw = first.raw
        raw.autocommit, raw.mine = True, "mine"
        await first.state.set_schema(raw, "app")
        await first.state.set_role(raw, "reporting")
        await flavour.execute(first, "BEGIN")
        await first.end()
        second = await flavour.connected(network, cluster[2].name)
        assert second.raw is raw
        assert (raw.autocommit, raw.in_transaction, hasattr(raw, "mine")) == (False, 0, False)
        assert raw.session_state == {"schema": None, "role": None}
        await second.end()

    flavour.run(scenario())


def test_without_reset_only_the_transaction_ends(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    pooled()

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[2].name, reset_session_state_on_close=False)
        raw = session.raw
        raw.autocommit = True
        await session.state.set_schema(raw, "app")
        await flavour.execute(session, "BEGIN")
        await session.end()
        assert (raw.autocommit, raw.in_transaction, raw.session_state) == (True, 0, {"schema": ["app"]})

    flavour.run(scenario())


def test_a_program_that_has_closed_its_connection_cannot_reach_the_next_ones(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    pooled()

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[2].name)
        raw = session.raw
        await close_all(session, session)
        assert session.raw is not raw
        assert session.raw.closed
        assert type(session.raw) is type(raw)
        with pytest.raises(NetworkError, match="closed"):
            await flavour.execute(session, "SELECT")
        assert raw.statements == []
        one, other = [await flavour.connected(network, cluster[2].name) for _ in range(2)]
        assert one.raw is raw is not other.raw
        await close_all(one, other)

    flavour.run(scenario())


class NotedCursor:
    """Notes that it has ended."""

    def __init__(self, raw: Any, notes: list[str]) -> None:
        self.target_cursor = raw
        self._notes = notes

    def become_stale(self, reason: str) -> None:
        self._notes.append(reason)


def test_cursors_have_ended_before_their_connection_is_made_ready_for_the_next_program(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster(network)
    pooled()

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name)
        raw, restore, notes = session.raw, session.adapter.restore, list[str]()

        async def note(*args: Any) -> None:
            notes.append("ready for the next one")
            await restore(*args)

        monkeypatch.setattr(session.adapter, "restore", note)
        cursor = NotedCursor(raw.cursor(), notes)
        session.add_cursor(cursor)
        await session.end()
        assert notes == ["its connection was closed", "ready for the next one"]

    flavour.run(scenario())


def test_a_connection_that_another_call_is_about_to_use_does_not_go_back(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled()

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name)
        raw = session.raw
        with session.noted():
            await session.end()
        assert raw.closed
        assert lent(provider) == 0

    flavour.run(scenario())


def test_a_lost_connection_is_passed_over_and_so_are_those_beside_it(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    pooled()

    async def scenario() -> None:
        sessions = [await flavour.connected(network, cluster[2].name) for _ in range(3)]
        old = [session.raw for session in sessions]
        await close_all(*sessions)
        cluster[2].drop()
        session = await flavour.connected(network, cluster[2].name)
        assert session.raw not in old
        assert await flavour.execute(session, "SELECT") == "db-2"
        assert len(network.opened_by("program")) == 4
        assert all(raw.closed for raw in old)
        await session.end()

    flavour.run(scenario())


def test_on_a_database_without_topology_a_lost_connection_is_passed_over_too(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network, aurora=False)
    pooled()

    async def scenario() -> None:
        for plugins in (["failover"], []):
            first = await flavour.connected(network, cluster[1].name, plugins)
            await first.end()
            cluster[1].drop()
            second = await flavour.connected(network, cluster[1].name, plugins)
            assert await flavour.execute(second, "SELECT") == "db-1"
            await second.end()

    flavour.run(scenario())


def test_a_connection_whose_host_has_changed_its_role_is_not_handed_out(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    pooled()

    async def scenario() -> None:
        first = await flavour.connected(network, cluster[1].name)
        raw = first.raw
        await first.end()
        cluster.fail_over(2, drop=False)
        second = await flavour.connected(network, cluster[1].name)
        assert second.raw is not raw
        assert raw.closed
        assert second.host.host_id == "db-1"
        await second.end()

    flavour.run(scenario())


def test_a_failover_leaves_the_lost_connection_and_takes_one_of_the_new_writers_pool(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled(size=1)

    async def scenario() -> None:
        idle = await flavour.connected(network, cluster[2].name)
        await idle.end()
        session = await flavour.connected(network, cluster[1].name)
        raw = session.raw
        cluster.fail_over(2)
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")
        assert raw.closed
        assert provider.pool_urls == {f"{cluster[1].name}:5432/", f"{cluster[2].name}:5432/"}
        assert lent(provider) == 1
        await session.end()
        assert lent(provider) == 0
        again = await flavour.connected(network, cluster[1].name)  # there is room for one
        await again.end()

    flavour.run(scenario())


def test_connections_that_all_lose_their_host_need_no_more_places_than_before(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled(size=2, timeout=5)

    async def work(session: Session) -> None:
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")

    async def scenario() -> None:
        sessions = [await flavour.connected(network, cluster[1].name) for _ in range(2)]
        cluster[1].drop()
        assert await flavour.together(*[work(session) for session in sessions]) == [None, None]
        assert [session.host.host_id for session in sessions] == ["db-1", "db-1"]
        assert lent(provider) == 2
        await close_all(*sessions)
        assert lent(provider) == 0

    flavour.run(scenario())


def test_closing_a_connection_whose_loss_nobody_has_dealt_with_ends_it(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled(size=1)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name, enable_failover=False)
        raw = session.raw
        cluster[1].drop()
        with pytest.raises(NetworkError):
            await flavour.execute(session, "SELECT")
        assert lent(provider) == 0
        await session.end()
        assert raw.closed
        assert lent(provider) == 0

    flavour.run(scenario())


def test_by_default_instances_have_pools_and_endpoints_lead_there(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled()

    async def scenario() -> None:
        by_dns = await flavour.connected(network, cluster.writer_endpoint)
        assert provider.num_pools == 0
        reader = await flavour.connected(network, cluster.reader_endpoint)
        assert provider.num_pools == 0
        past_dns = await flavour.connected(network, cluster.writer_endpoint)  # the writer is known by now
        assert provider.keys() == [PoolKey(f"{cluster[1].name}:5432/", "app")]
        await close_all(by_dns, reader, past_dns)
        assert by_dns.raw.closed

    flavour.run(scenario())


def test_what_is_pooled_and_how_can_be_told_by_functions(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    seen: list[Any] = []

    def mapping(host: Any, props: dict[str, Any]) -> str:
        seen.append((host.url, props["user"], props["dbname"]))
        return str(props["dbname"])

    provider = pooled(pool_mapping=mapping, accept_url_func=lambda _host, props: props["dbname"] != "unpooled")

    async def scenario() -> None:
        names = ("one", "two", "unpooled")
        sessions = [await flavour.connected(network, cluster.writer_endpoint, dbname=name) for name in names]
        await close_all(*sessions)
        keys = provider.keys()
        assert [key.extra_key for key in keys] == ["one", "two"]
        assert (f"{cluster.writer_endpoint}:5432/", "app", "one") in seen

    flavour.run(scenario())


def test_two_databases_of_one_user_are_never_mixed(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    provider = pooled()

    async def scenario() -> None:
        for name in ("one", "two", "one"):
            session = await flavour.connected(network, cluster[1].name, dbname=name)
            assert session.raw.arguments["dbname"] == name
            await session.end()
        assert (provider.num_pools, len(set(provider.keys())), len(network.opened_by("program"))) == (2, 1, 2)

    flavour.run(scenario())


def test_pools_by_user_need_one(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    pooled()

    async def scenario() -> None:
        with pytest.raises(AwsWrapperError, match="user="):
            await flavour.connected(network, cluster[1].name, user="")

    flavour.run(scenario())


def test_each_connection_is_opened_with_the_password_of_its_attempt(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled()

    async def scenario() -> None:
        tokens = ["first token", "second token"]
        sessions = [await flavour.connected(network, cluster[1].name, password=token) for token in tokens]
        assert [session.raw.arguments["password"] for session in sessions] == tokens
        assert provider.num_pools == 1
        await close_all(*sessions)

    flavour.run(scenario())


class Keys(SignIn):
    """Gives one password, whoever asks."""

    def __init__(self, password: str) -> None:
        self._password = password

    @property
    def key(self) -> str:
        return f"those who have {self._password}"

    async def credentials(self, request: CredentialsRequest) -> DatabaseCredentials | None:
        return None if request.refused else self.at_hand(request.settings, request.host)

    def at_hand(self, settings: Settings, host: HostInfo) -> DatabaseCredentials:
        del settings, host
        return DatabaseCredentials(None, self._password)


class Keeper(Plugin):
    code = "keeper"

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn | None:
        del adapter
        return Keys(settings.driver["password"])


def test_only_who_signs_in_alike_gets_the_connection_that_another_has_opened(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    network.passwords = {"valid"}
    provider = pooled()

    async def scenario() -> None:
        first = await flavour.connected(network, cluster[1].name, [Keeper], password="valid")
        raw = first.raw
        await first.end()
        with pytest.raises(LoginError):
            await flavour.connected(network, cluster[1].name, [Keeper], password="invalid")
        second = await flavour.connected(network, cluster[1].name, [Keeper], password="valid")
        assert second.raw is raw
        await second.end()
        assert set(provider.keys()) == {PoolKey(f"{cluster[1].name}:5432/", "app")}
        assert "have" not in repr(provider)

    flavour.run(scenario())


def test_who_finds_no_place_in_time_is_told(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    pooled(size=1, timeout=0.01)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name)
        with pytest.raises(AwsWrapperError, match=cluster[1].host_id) as raised:
            await flavour.connected(network, cluster[1].name)
        assert isinstance(raised.value, session.adapter.errors.Error)
        await session.end()
        await (await flavour.connected(network, cluster[1].name)).end()

    flavour.run(scenario())


def test_a_failover_that_finds_no_place_in_time_has_failed(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    pooled(size=1, timeout=0.01)

    async def scenario() -> None:
        other = await flavour.connected(network, cluster[2].name)
        session = await flavour.connected(network, cluster[1].name)
        cluster.fail_over(2)
        with pytest.raises(FailoverFailedError, match=cluster[2].host_id) as raised:
            await flavour.execute(session, "SELECT")
        assert isinstance(raised.value, session.adapter.errors.Error)
        assert session.closed
        await close_all(other)

    flavour.run(scenario())


def test_a_move_that_finds_no_place_in_time_leaves_the_session_where_it_is(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network, size=2)
    pooled(size=1, timeout=0.01)

    async def scenario() -> None:
        writing, reading = [await flavour.connected(network, host.name, SPLITTING) for host in (cluster[1], cluster[2])]
        await writing.route(True)  # the writer serves where no reader is to be had
        with pytest.raises(ReadWriteSplittingError, match=cluster[1].host_id):
            await reading.route(False)
        assert (writing.raw.host, reading.raw.host) == (cluster[1], cluster[2])
        await close_all(writing, reading)

    flavour.run(scenario())


def test_who_waits_for_a_place_gets_the_connection_that_is_given_back(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled(size=2)

    async def work() -> str:
        session = await flavour.connected(network, cluster[1].name)
        answer = await flavour.execute(session, "SELECT")
        await session.end()
        return answer

    async def scenario() -> None:
        assert await flavour.together(*[work() for _ in range(12)]) == ["db-1"] * 12
        assert len(network.opened_by("program")) == 2
        assert lent(provider) == 0

    flavour.run(scenario())


def test_a_new_connections_error_is_the_programs_and_takes_no_place(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled(size=1)

    async def scenario() -> None:
        network.refused_users.add("app")
        with pytest.raises(LoginError):
            await flavour.connected(network, cluster[1].name)
        network.refused_users.clear()
        cluster[1].kill()
        with pytest.raises(NetworkError):
            await flavour.connected(network, cluster[1].name)
        cluster[1].start()
        session = await flavour.connected(network, cluster[1].name)
        assert lent(provider) == 1
        await session.end()

    flavour.run(scenario())


def test_closing_does_not_wait_for_a_frozen_host_longer_than_for_any_query_of_ours(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    provider = pooled()

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name, [], auxiliary_query_timeout_sec=0.05)
        raw = session.raw
        await flavour.execute(session, "BEGIN")
        cluster[1].freeze()
        await session.end()
        assert raw.closed
        assert lent(provider) == 0

    flavour.run(scenario())


def test_what_is_still_at_work_does_not_go_back(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    provider = pooled()

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name)
        raw = session.raw
        raw.pipelined = True
        await session.end()
        assert raw.closed
        assert lent(provider) == 0

    flavour.run(scenario())


def test_what_the_users_own_transfer_has_set_does_not_go_back(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    pooled()

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name, on_switch=lambda _: None)
        cluster.fail_over(2)
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")
        raw = session.raw
        await session.end()
        assert raw.closed

    flavour.run(scenario())


def test_a_dropped_connection_is_nobodys_and_its_place_is_free(
    flavour: Flavour, network: FakeNetwork, pooled: SetUp
) -> None:
    cluster = FakeCluster(network)
    pooled(size=1)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name, [])
        await flavour.execute(session, "BEGIN")
        raw = session.raw
        del session
        gc.collect()
        again = await flavour.connected(network, cluster[1].name, [])
        assert again.raw is not raw
        await again.end()

    flavour.run(scenario())


def test_background_connections_are_never_pooled(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    asked: list[str] = []

    def accept(_: Any, props: dict[str, Any]) -> bool:
        asked.append(props["application_name"])
        return True

    pooled(accept_url_func=accept)

    async def scenario() -> None:
        session = await flavour.connected(network, cluster[1].name)
        cluster.fail_over(2)
        with pytest.raises(FailoverSuccessError):
            await flavour.execute(session, "SELECT")
        await session.end()
        assert network.opened_by("monitor")
        assert set(asked) == {"program"}

    flavour.run(scenario())


def test_pools_that_nobody_uses_are_disposed_of(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    provider = pooled(pool_expiration_check_ns=0, pool_cleanup_interval_ns=0)

    async def scenario() -> None:
        unused = await flavour.connected(network, cluster[1].name)
        raw = unused.raw
        await unused.end()
        in_use = await flavour.connected(network, cluster[2].name)
        assert raw.closed
        third = await flavour.connected(network, cluster[3].name)
        assert provider.pool_urls == {f"{cluster[2].name}:5432/", f"{cluster[3].name}:5432/"}
        await close_all(in_use, third)

    flavour.run(scenario())


def test_after_release_nothing_is_kept(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    provider = pooled()

    async def scenario() -> None:
        idle, in_use = [await flavour.connected(network, cluster[1].name) for _ in range(2)]
        raws = idle.raw, in_use.raw
        await idle.end()
        manager = AsyncConnectionProviderManager if flavour.asynchronous else ConnectionProviderManager
        manager.release_resources()
        assert [raw.closed for raw in raws] == [True, False]
        assert provider.num_pools == 0
        assert await flavour.execute(in_use, "SELECT") == "db-1"
        await in_use.end()
        assert raws[1].closed

    flavour.run(scenario())


def test_a_closed_loops_pools_are_disposed_of_before_another_loop_has_its_own(network: FakeNetwork) -> None:
    cluster, flavour = FakeCluster(network), AsyncioFlavour()
    provider = AsyncPooledConnectionProvider()
    AsyncConnectionProviderManager.set_connection_provider(provider)

    async def use() -> Any:
        session = await flavour.connected(network, cluster[1].name)
        raw = session.raw
        await session.end()
        return raw

    try:
        first = asyncio.run(use())
        assert not first.closed
        second = asyncio.run(use())
        assert (first.closed, second.closed, provider.num_pools) == (True, False, 1)
    finally:
        AsyncConnectionProviderManager.reset_provider()


def test_what_is_closed_in_another_loop_does_not_go_back(network: FakeNetwork) -> None:
    cluster, flavour = FakeCluster(network), AsyncioFlavour()
    AsyncConnectionProviderManager.set_connection_provider(AsyncPooledConnectionProvider())
    try:
        session = asyncio.run(flavour.connected(network, cluster[1].name))
        raw = session.raw
        asyncio.run(session.end())
        assert raw.closed
    finally:
        AsyncConnectionProviderManager.reset_provider()


def test_a_configurator_that_returns_no_options_is_told(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    pooled(pool_configurator=lambda _host, _props: None)

    async def scenario() -> None:
        with pytest.raises(AwsWrapperError, match="pool_configurator: it has returned None, and not a dictionary"):
            await flavour.connected(network, cluster[1].name)

    flavour.run(scenario())


@pytest.mark.parametrize("name", ["pool_configurator", "pool_mapping", "accept_url_func"])
def test_what_is_no_function_is_refused(name: str) -> None:
    wrong: dict[str, Any] = {name: 5}
    with pytest.raises(AwsWrapperError, match=f"{name}: 5 is no function, give one that takes"):
        SqlAlchemyPooledConnectionProvider(**wrong)


def test_options_that_a_pool_does_not_have_are_refused(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    cluster = FakeCluster(network)
    pooled(pool_configurator=lambda _host, _props: {"pool_sice": 3})

    async def scenario() -> None:
        with pytest.raises(AwsWrapperError, match="pool_sice"):
            await flavour.connected(network, cluster[1].name)

    flavour.run(scenario())


def test_each_flavour_has_a_provider_of_its_own(flavour: Flavour, network: FakeNetwork, pooled: SetUp) -> None:
    host = FakeCluster(network)[1].name
    provider: Any = pooled(accept_url_func=lambda _host, _props: True)
    info: Any = host
    assert provider_for(flavour.io(), info, {}) is provider
    others = ConnectionProviderManager if flavour.asynchronous else AsyncConnectionProviderManager
    assert others.provider_for(info, {}) is None
