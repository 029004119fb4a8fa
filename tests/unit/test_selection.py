from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.selectors import SelectorState
from aws_advanced_python_wrapper.core.selection import eligible_readers, host_choice
from aws_advanced_python_wrapper.errors import AwsWrapperError, FailoverFailedError, FailoverSuccessError
from aws_advanced_python_wrapper.parameters.host_selection import READER_HOST_SELECTOR_STRATEGY
from aws_advanced_python_wrapper.properties import Settings
from aws_advanced_python_wrapper.testing import Error as DriverError
from aws_advanced_python_wrapper.testing import FakeAdapter, FakeCluster, FakeNetwork
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from support.flavours import Flavour

HOSTS = [HostInfo(name, 5432, HostRole.READER) for name in "ab"]


def chooser(strategy: Any, *, clock: Callable[[], float] = lambda: 1000.0, **given: Any) -> Any:
    state = SelectorState(random.Random(7), clock=clock)  # noqa: S311 - reproducible
    settings = Settings.from_arguments("", {"reader_host_selector_strategy": strategy, **given}, ())
    adapter = FakeAdapter(FakeNetwork(), asynchronous=False)
    session: Any = SimpleNamespace(
        settings=settings, cluster=SimpleNamespace(selector_state=state), plugin_codes=frozenset(), adapter=adapter
    )
    return host_choice(session, READER_HOST_SELECTOR_STRATEGY)


def picks(strategy: Any, times: int, hosts: Sequence[HostInfo] = HOSTS, **given: Any) -> str:
    choose = chooser(strategy, **given)
    return "".join(choose(hosts).host for _ in range(times))


def reader(name: str, lag: float | None = None, *, down: float | None = None) -> HostInfo:
    availability = HostAvailability.AVAILABLE if down is None else HostAvailability.UNAVAILABLE
    return HostInfo(name, 5432, HostRole.READER, availability, lag_ms=lag, unavailable_since=down)


@pytest.mark.parametrize("strategy", ["round_robin", "Round-Robin", " ROUND-ROBIN "])
def test_the_turns_are_the_users_however_the_strategy_is_spelt(strategy: str) -> None:
    assert picks(strategy, 8, round_robin_host_weight_pairs="a:3", round_robin_default_weight=1) == "aaabaaab"
    assert picks(strategy, 6, round_robin_default_weight=2) == "aabbaa"


@pytest.mark.parametrize("strategy", ["weighted_random", "weighted-random", "Weighted_Random"])
def test_the_chances_are_the_users_however_the_strategy_is_spelt(strategy: str) -> None:
    chosen = picks(strategy, 1000, weighted_random_host_weight_pairs="a:9", weighted_random_default_weight=1)
    assert 850 < chosen.count("a") < 950


def test_the_weights_decide_on_the_highest_too() -> None:
    assert set(picks("highest_weight", 20, weighted_random_host_weight_pairs="a:9,b:10")) == {"b"}
    assert set(picks("highest-weight", 20)) == {"a", "b"}


def test_the_turns_of_several_threads_are_equal() -> None:
    choose = chooser("round_robin")
    with ThreadPoolExecutor(8) as pool:
        turns = Counter(host.host for host in pool.map(lambda _: choose(HOSTS), range(2000)))
    assert turns == {"a": 1000, "b": 1000}


def test_a_strategy_has_its_own_weights_only() -> None:
    assert picks("round_robin", 4, weighted_random_host_weight_pairs="a:9") == "abab"
    assert set(picks("random", 50, round_robin_host_weight_pairs="a:1000000")) == {"a", "b"}


@pytest.mark.parametrize("strategy", ["highest_weight", "weighted_random"])
def test_connections_heed_their_own_weights_and_nobody_elses(strategy: str) -> None:
    weights: list[dict[str, Any]] = [{"weighted_random_host_weight_pairs": f"{host}:1000000000"} for host in "ab"]
    choosers = [chooser(strategy, **given) for given in (*weights, {})]
    chosen = [[choose(HOSTS).host for choose in choosers] for _ in range(30)]
    assert [set(hosts) for hosts in zip(*chosen, strict=True)] == [{"a"}, {"b"}, {"a", "b"}]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("roundrobin", "did you mean 'round_robin'"),
        ("ramdom", "did you mean 'random'"),
        ("best", "There are: fastest_response, highest_weight, least_connections, random"),
        (7, "Parameter reader_host_selector_strategy: 7 is not accepted"),
    ],
)
def test_an_unknown_strategy_is_refused_with_the_nearest(name: Any, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        chooser(name)


@pytest.mark.parametrize("name", ["fastest_response", "Fastest-Response", "fastest_reponse"])
def test_the_fastest_response_needs_somebody_who_measures(name: str) -> None:
    with pytest.raises(AwsWrapperError, match="needs the plugin fastest_response_strategy: add it to plugins="):
        chooser(name)


def test_a_function_of_the_programs_chooses() -> None:
    seen: list[Sequence[HostInfo]] = []

    def last(hosts: Sequence[HostInfo]) -> HostInfo:
        seen.append(hosts)
        return hosts[-1]

    assert picks(last, 2, [*HOSTS, reader("c", down=0.0)]) == "bb"
    assert seen == [tuple(HOSTS)] * 2


def fail(hosts: Sequence[HostInfo]) -> HostInfo:
    raise LookupError("no rule for " + hosts[0].host)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (fail, r"the function raised LookupError\('no rule for a'\)"),
        (lambda _: None, "the function returned None; it has to return one of the hosts"),
        (lambda hosts: hosts[0].host, "the function returned 'a'"),
        (lambda _: reader("elsewhere"), "the function returned <HostInfo elsewhere:5432"),
    ],
)
def test_a_function_that_does_not_choose_is_told_with_its_parameter(function: Any, message: str) -> None:
    with pytest.raises(AwsWrapperError, match="Parameter reader_host_selector_strategy: " + message) as caught:
        picks(function, 1)
    assert isinstance(caught.value, DriverError)  # a program catches it as the driver's error
    assert isinstance(caught.value.__cause__, LookupError) is (function is fail)


def test_a_function_is_no_text() -> None:
    with pytest.raises(AwsWrapperError, match="No host selector strategy is called '<function"):
        Settings.from_arguments(f"reader_host_selector_strategy='{fail}'", {}, ())


ZONES = "a:us-east-2a,b:us-east-2b"


@pytest.mark.parametrize(
    ("hosts", "given", "wanted"),
    [
        ([reader("a"), reader("b", down=1.0)], {}, "a"),
        ([reader("a", down=1.0), reader("b", down=1.0)], {}, "ab"),
        ([reader("a", 10), reader("b", 1000)], {"reader_max_lag_ms": 100}, "a"),
        ([reader("a", 2000), reader("b", 1000)], {"reader_max_lag_ms": 100}, "ab"),
        ([reader("a", 10, down=1.0), reader("b", 1000)], {"reader_max_lag_ms": 100}, "b"),
        (HOSTS, {"availability_zone": "us-east-2b", "host_availability_zones": ZONES}, "b"),
        (HOSTS, {"availability_zone": "us-east-2c", "host_availability_zones": ZONES}, "ab"),
        (HOSTS, {"host_availability_zones": ZONES}, "ab"),
        ([reader("a"), reader("b", down=1.0)], {"availability_zone": "z", "host_availability_zones": {"b": "z"}}, "a"),
        (
            [reader("a", 10), reader("b", 1000)],
            {"reader_max_lag_ms": 100, "availability_zone": "us-east-2b", "host_availability_zones": ZONES},
            "a",
        ),
    ],
)
@pytest.mark.parametrize("strategy", ["random", "round_robin", "least_connections", "highest_weight"])
def test_which_hosts_come_into_question(
    strategy: str, hosts: Sequence[HostInfo], given: dict[str, Any], wanted: str
) -> None:
    assert set(picks(strategy, 50, hosts, **given)) == set(wanted)


def test_a_zone_without_the_hosts_zones_is_refused() -> None:
    with pytest.raises(AwsWrapperError, match=r"availability_zone.*Give host_availability_zones.*:us-east-2a"):
        chooser("random", availability_zone="us-east-2a")


@pytest.mark.parametrize("pairs", ["a", "a:", ":zone", 7, {"a": None}, {"": "zone"}])
def test_zones_that_cannot_be_read_are_refused(pairs: Any) -> None:
    with pytest.raises(AwsWrapperError, match=r"host_availability_zones.*give host:zone pairs"):
        chooser("random", host_availability_zones=pairs)


def test_an_empty_list_is_told_with_the_parameter() -> None:
    with pytest.raises(AwsWrapperError, match="reader_host_selector_strategy: the list of hosts is empty"):
        picks("random", 1, [])


@pytest.mark.parametrize(
    ("readers", "wanted"),
    [
        ([reader("a", 10), reader("b", 1000)], "a"),
        ([reader("a", 1000), reader("b", 1000)], ""),
        ([reader("a", 1000), reader("b", 10, down=1.0)], ""),  # who is near cannot be reached
        ([reader("a", 10, down=1.0)], "a"),
        ([reader("a", 10), reader("b", 10, down=1.0), reader("c", 1000)], "ab"),  # b may be due for a try
        ([], ""),
    ],
)
def test_readers_that_are_all_too_late_leave_the_writer(readers: Sequence[HostInfo], wanted: str) -> None:
    session: Any = SimpleNamespace(settings=Settings.from_arguments("", {"reader_max_lag_ms": 100}, ()))
    assert "".join(host.host for host in eligible_readers(session, readers)) == wanted


BACKOFF = {"default_host_availability_strategy": "Exponential-Backoff"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "b b b b"),
        (BACKOFF, "b a b a"),
        ({**BACKOFF, "host_availability_strategy_max_retries": 1}, "b a b b"),
        ({**BACKOFF, "host_availability_strategy_initial_backoff_time": 60}, "b b b a"),
    ],
)
def test_an_unavailable_host_is_tried_now_and_then_if_that_is_wished(given: dict[str, Any], wanted: str) -> None:
    now = [0.0]
    hosts = [reader("a", down=1000.0), reader("b")]
    choose = chooser(lambda hosts: hosts[0], clock=lambda: now[0], **given)
    chosen = []
    for now[0] in (1029.0, 1031.0, 1040.0, 1100.0):
        chosen.append(choose(hosts).host)
    assert " ".join(chosen) == wanted


@pytest.mark.parametrize("name", ["max_retries", "initial_backoff_time"])
def test_a_back_off_below_one_is_refused(name: str) -> None:
    with pytest.raises(AwsWrapperError, match=f"host_availability_strategy_{name}: 0 is not accepted"):
        Settings.from_arguments("", {f"host_availability_strategy_{name}": 0}, ())


# In a failover

READS = {"failover_mode": "reader_or_writer"}


async def failed_over(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, **settings: Any) -> str | None:
    session = await flavour.connected(network, cluster.writer_endpoint, **{**READS, **settings})
    cluster[1].drop()
    with pytest.raises(FailoverSuccessError):
        await flavour.execute(session, "SELECT")
    return session.host.host_id


def late(cluster: FakeCluster, *numbers: int) -> None:
    for host in cluster.hosts:
        host.table = [
            (member.host_id, "t" if member.is_writer else "f", "9000" if number in numbers else "10", None)
            for number, member in enumerate(cluster.hosts, 1)
        ]


@pytest.mark.parametrize(
    ("late_readers", "wanted"), [((), {"db-2", "db-3"}), ((3,), {"db-2"}), ((2,), {"db-3"}), ((2, 3), {"db-1"})]
)
def test_a_failover_passes_over_readers_that_are_late(
    flavour: Flavour, network: FakeNetwork, late_readers: tuple[int, ...], wanted: set[str]
) -> None:
    cluster = FakeCluster(network)
    late(cluster, *late_readers)
    chosen = {flavour.run(failed_over(flavour, network, cluster, reader_max_lag_ms=100)) for _ in range(3)}
    assert chosen <= wanted


def test_a_late_reader_is_better_than_none_where_it_has_to_be_one(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    late(cluster, 2, 3)
    settings = {"reader_max_lag_ms": 100, "failover_mode": "strict_reader"}
    assert flavour.run(failed_over(flavour, network, cluster, **settings)) in ("db-2", "db-3")


def test_a_failover_prefers_its_own_zone(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    zones = {"availability_zone": "az1", "host_availability_zones": "db-1:az1,db-2:az2,db-3:az1"}
    chosen = {flavour.run(failed_over(flavour, network, cluster, **zones)) for _ in range(4)}
    assert chosen == {"db-3"}


def test_a_failover_asks_the_programs_function(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    def second(hosts: Sequence[HostInfo]) -> HostInfo:
        return next(host for host in hosts if host.host_id == "db-2")

    settings = {"failover_reader_host_selector_strategy": second}
    assert flavour.run(failed_over(flavour, network, cluster, **settings)) == "db-2"


def test_a_function_that_fails_in_a_failover_is_told(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    settings = {"failover_reader_host_selector_strategy": fail}
    with pytest.raises(FailoverFailedError, match="Parameter failover_reader_host_selector_strategy: the function"):
        flavour.run(failed_over(flavour, network, cluster, **settings))


# With read/write splitting


async def read_on(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, **settings: Any) -> str | None:
    session = await flavour.connected(network, cluster.writer_endpoint, ("read_write_splitting",), **settings)
    await session.route(read_only=True)
    return session.host.host_id


@pytest.mark.parametrize(
    ("late_readers", "wanted"), [((), {"db-2", "db-3"}), ((3,), {"db-2"}), ((2,), {"db-3"}), ((2, 3), {"db-1"})]
)
def test_reading_passes_over_readers_that_are_late(
    flavour: Flavour, network: FakeNetwork, late_readers: tuple[int, ...], wanted: set[str]
) -> None:
    cluster = FakeCluster(network)
    late(cluster, *late_readers)
    settings = {"reader_max_lag_ms": 100, "reader_host_selector_strategy": "round_robin"}
    assert {flavour.run(read_on(flavour, network, cluster, **settings)) for _ in range(4)} == wanted


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"availability_zone": "az1", "host_availability_zones": "db-1:az1,db-2:az2,db-3:az1"}, {"db-3"}),
        ({"reader_host_selector_strategy": lambda hosts: hosts[-1]}, {"db-3"}),
        (
            {"reader_host_selector_strategy": "highest_weight", "weighted_random_host_weight_pairs": "DB-2:2"},
            {"db-2"},
        ),
    ],
)
def test_reading_chooses_as_the_program_wants(
    flavour: Flavour, network: FakeNetwork, settings: dict[str, Any], wanted: set[str]
) -> None:
    cluster = FakeCluster(network)
    assert {flavour.run(read_on(flavour, network, cluster, **settings)) for _ in range(6)} == wanted


def test_a_reader_that_comes_back_is_chosen_again(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    cluster[2].kill()
    cluster[3].kill()

    async def scenario() -> None:
        plugins, strategy = ("read_write_splitting",), {"reader_host_selector_strategy": "round_robin"}
        watching = await flavour.connected(network, cluster.writer_endpoint, plugins, **strategy)
        await watching.route(read_only=True)
        assert watching.host.host_id == "db-1"
        assert watching.cluster
        store = watching.cluster.store
        cluster[2].start()
        eventually(lambda: len(store.current.unavailable) == 1)  # type: ignore[union-attr]
        for _ in range(2):
            session = await flavour.connected(network, cluster.writer_endpoint, plugins, **strategy)
            await session.route(read_only=True)
            assert session.host.host_id == "db-2"

    flavour.run(scenario())


def test_turns_are_shared_by_the_connections_of_a_cluster(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)
    strategy = {"failover_reader_host_selector_strategy": "round_robin"}
    hosts = [flavour.run(failed_over(flavour, network, cluster, **strategy)) for _ in range(6)]
    assert Counter(hosts) == {"db-2": 3, "db-3": 3}


def test_connections_of_many_callers_are_spread_evenly(flavour: Flavour, network: FakeNetwork) -> None:
    cluster = FakeCluster(network)

    async def scenario() -> None:
        settings = {**READS, "failover_reader_host_selector_strategy": "least_connections"}
        sessions = [await flavour.connected(network, cluster.writer_endpoint, **settings) for _ in range(8)]
        cluster[1].drop()
        await flavour.together(*(flavour.execute(session, "SELECT") for session in sessions))
        assert Counter(session.host.host_id for session in sessions) == {"db-2": 4, "db-3": 4}

    flavour.run(scenario())


@pytest.mark.parametrize(
    "given",
    [
        {"failover_reader_host_selector_strategy": "fastest-response"},
        {"availability_zone": "us-east-2a"},
        {"reader_max_lag_ms": -1},
    ],
)
def test_what_cannot_work_is_told_at_connect(flavour: Flavour, network: FakeNetwork, given: dict[str, Any]) -> None:
    cluster = FakeCluster(network)
    with pytest.raises(AwsWrapperError, match=next(iter(given))):
        flavour.run(flavour.connected(network, cluster.writer_endpoint, **given))
    assert network.attempts == []
