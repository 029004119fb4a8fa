from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.opening import session_for
from aws_advanced_python_wrapper.core.plugin import Plugin
from aws_advanced_python_wrapper.driver_configuration_profiles import DriverConfigurationProfiles as Profiles
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.failover import FAILOVER_READER_CONNECT_TIMEOUT_SEC, FAILOVER_TIMEOUT_SEC
from aws_advanced_python_wrapper.parameters.host_selection import ROUND_ROBIN_HOST_WEIGHT_PAIRS
from aws_advanced_python_wrapper.parameters.plugins import PLUGINS
from aws_advanced_python_wrapper.parameters.topology import TOPOLOGY_REFRESH_MS
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.core.session import Session
    from support.flavours import Flavour


class Mine(Plugin):
    code = "mine"


@pytest.fixture(autouse=True)
def _no_profile_stays() -> Iterator[None]:
    yield
    Profiles.clear_profiles()


def session(conninfo: str = "host=db", **arguments: Any) -> Session:
    return run(session_for(psycopg.connect, conninfo, arguments, BlockingIo()))


def codes(session: Session) -> list[str]:
    return [plugin.code for plugin in session.plugins]


@pytest.mark.parametrize(
    ("conninfo", "arguments"),
    [
        ("host=db profile_name=busy", {}),
        ("postgresql://db/app?profile_name=busy", {}),
        ("host=db", {"profile_name": "busy"}),
        ("host=db profile_name=other", {"profile_name": "busy"}),
    ],
)
def test_a_profile_carries_plugins_and_parameters_of_both_drivers(conninfo: str, arguments: dict[str, Any]) -> None:
    Profiles.add_or_replace_profile(
        "busy", "failover,efm", failover_timeout_sec="20", application_name="app", autocommit=True
    )
    made = session(conninfo, **arguments)
    assert codes(made) == ["failover", "host_monitoring"]
    assert made.settings[FAILOVER_TIMEOUT_SEC] == 20.0
    assert made.settings.driver["application_name"] == "app"
    assert made.settings.driver["autocommit"] is True


def test_what_is_given_to_connect_wins_but_for_the_plugins() -> None:
    Profiles.add_or_replace_profile(
        "p", ["failover"], failover_timeout_sec=20, topology_refresh_ms=20, application_name="a", database="d"
    )
    made = session("host=db topology_refresh_ms=30 dbname=e", profile_name="p", failover_timeout_sec=40, plugins="efm")
    assert codes(made) == ["failover"]
    assert made.settings[FAILOVER_TIMEOUT_SEC] == 40.0
    assert made.settings[TOPOLOGY_REFRESH_MS] == 30
    assert made.settings.driver["application_name"] == "a"
    assert made.settings.driver["dbname"] == "e"


def test_a_profile_without_word_on_the_plugins_leaves_them() -> None:
    Profiles.add_or_replace_profile("p", failover_timeout_sec=20)
    assert codes(session(profile_name="p")) == list(PLUGINS.default)
    assert codes(session(profile_name="p", plugins="failover")) == ["failover"]
    assert Profiles.get_plugin_factories("p") == ()


def test_a_profile_may_say_that_there_are_no_plugins() -> None:
    Profiles.add_or_replace_profile("bare", "")
    assert codes(session(profile_name="bare")) == []


def test_classes_may_stand_among_the_plugins_and_are_sorted_unless_that_is_switched_off() -> None:
    Profiles.add_or_replace_profile("sorted", ["efm", "failover", Mine])
    Profiles.add_or_replace_profile("kept", ["efm", "failover", Mine], auto_sort_wrapper_plugin_order=False)
    assert codes(session(profile_name="sorted")) == ["failover", "mine", "host_monitoring"]
    assert codes(session(profile_name="kept")) == ["host_monitoring", "failover", "mine"]
    assert Profiles.get_plugin_factories("kept") == ("efm", "failover", Mine)


def test_a_profile_may_name_the_host_and_the_driver() -> None:
    def mine(**arguments: Any) -> Any:
        return psycopg.connect(**arguments)

    Profiles.add_or_replace_profile("all", host="from-profile", wrapper_driver_dialect="psycopg")
    made = run(session_for(mine, "", {"profile_name": "all"}, BlockingIo()))
    assert made.host.host == "from-profile"


def test_a_connection_keeps_what_the_profile_said_when_it_was_opened() -> None:
    plugins = ["failover"]
    weights = {"a": 1}
    Profiles.add_or_replace_profile("p", plugins, round_robin_host_weight_pairs=weights, failover_timeout_sec=1)
    first = session(profile_name="p")
    plugins.append("efm")
    weights["a"] = 2
    second = session(profile_name="p")
    Profiles.add_or_replace_profile("p", failover_timeout_sec=2)
    Profiles.remove_profile("p")
    for made in (first, second):
        assert codes(made) == ["failover"]
        assert made.settings[FAILOVER_TIMEOUT_SEC] == 1.0
        assert made.settings[ROUND_ROBIN_HOST_WEIGHT_PAIRS] == {"a": 1}


def test_profiles_come_and_go() -> None:
    Profiles.add_or_replace_profile("one", "failover")
    Profiles.add_or_replace_profile("one", "efm")
    Profiles.add_or_replace_profile("two")
    assert Profiles.get_plugin_factories("one") == ("efm",)
    assert Profiles.contains_profile("two")
    Profiles.remove_profile("two")
    Profiles.remove_profile("two")
    assert not Profiles.contains_profile("two")
    Profiles.clear_profiles()
    assert not Profiles.contains_profile("one")


@pytest.mark.parametrize("connect", ["host=db profile_name=bussy", "postgresql://db?profile_name=bussy"])
def test_an_unknown_profile_is_told_with_the_nearest(connect: str) -> None:
    with pytest.raises(AwsWrapperError, match=r"No configuration profile is called 'bussy'\. There are none\."):
        AwsWrapperConnection.connect(psycopg.connect, connect)
    Profiles.add_or_replace_profile("busy")
    with pytest.raises(AwsWrapperError, match="'bussy', did you mean 'busy'"):
        AwsWrapperConnection.connect(psycopg.connect, connect)
    with pytest.raises(AwsWrapperError, match="did you mean 'busy'"):
        Profiles.get_plugin_factories("bussy")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("", {}, "at least one character"),
        (b"p", {}, "Parameter profile_name: b'p' is not accepted, give text"),
        ("p", {"failover_timeout_sec": -1}, "Parameter failover_timeout_sec: -1 is not accepted"),
        ("p", {"monitoring-connect_timeout": "x"}, "Parameter monitoring-connect_timeout: 'x'"),
        ("p", {"wrapperPlugins": 3}, "Parameter wrapperPlugins: 3"),
        ("p", {"plugins": 3}, "Parameter plugins: 3"),
        ("p", {"profile_name": "q"}, "'p': a profile cannot use another one"),
    ],
)
def test_a_value_that_no_connection_would_take_is_refused_at_once(
    name: Any, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        Profiles.add_or_replace_profile(name, **parameters)
    assert not Profiles.contains_profile(name)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"aplication_name": "x"}, "Configuration profile: unknown .* 'aplication_name', did you mean 'application_n"),
        ({"plugins": "failovr"}, "No plugin is called 'failovr'"),
        ({"plugins": [int]}, "not a subclass"),
        ({"host": "a,b"}, "several endpoints"),
        ({"bg_id": "1"}, "Parameter bg_id is not supported yet"),
        ({"plugins": "a", "wrapperPlugins": "b"}, "another value was given under another spelling"),
    ],
)
def test_what_only_a_connection_can_tell_is_told_when_it_is_opened(parameters: dict[str, Any], message: str) -> None:
    Profiles.add_or_replace_profile("p", **parameters)
    with pytest.raises(AwsWrapperError, match=message):
        session("", profile_name="p")


def test_secrets_are_not_shown() -> None:
    secrets = {"password": "hush", "monitoring-password": "hush", "sslpassword": "hush"}
    Profiles.add_or_replace_profile("p", **secrets)
    made = session(profile_name="p")
    assert made.settings.driver["password"] == "hush"
    assert "hush" not in repr(made.settings)
    assert "hush" not in repr(Profiles)
    with pytest.raises(AwsWrapperError) as refused:
        session(profile_name="q")
    assert "hush" not in str(refused.value)


def test_both_flavours_use_profiles(network: FakeNetwork, flavour: Flavour) -> None:
    async def scenario() -> None:
        cluster = FakeCluster(network)
        Profiles.add_or_replace_profile("p", cluster_id="from profile", application_name="from profile")
        made = await flavour.connected(network, cluster.writer_endpoint, profile_name="p", application_name=None)
        assert made.raw.application == "from profile"
        await made.end()

    flavour.run(scenario())


def test_profiles_may_be_replaced_while_connections_are_being_opened() -> None:
    def replace(number: int) -> None:
        for _ in range(200):
            timeout = {"failover_timeout_sec": number, "failover_reader_connect_timeout_sec": number}
            Profiles.add_or_replace_profile("p", "failover", **timeout)

    def use(_: int) -> set[tuple[float, float]]:
        seen = set()
        for _ in range(100):
            given = session(profile_name="p").settings
            seen.add((given[FAILOVER_TIMEOUT_SEC], given[FAILOVER_READER_CONNECT_TIMEOUT_SEC]))
        return seen

    replace(1)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replacing = [pool.submit(replace, number) for number in (1, 2)]
        seen = set[tuple[float, float]]().union(*pool.map(use, range(2)))
        for done in replacing:
            done.result()
    assert seen <= {(1.0, 1.0), (2.0, 2.0)}
