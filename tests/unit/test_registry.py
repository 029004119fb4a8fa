from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from typing import TYPE_CHECKING, Any, cast

import pytest

from aws_advanced_python_wrapper import register_plugin
from aws_advanced_python_wrapper.core import chain, registry
from aws_advanced_python_wrapper.core.registry import plugin_classes
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.failover_plugin import FailoverPlugin
from aws_advanced_python_wrapper.parameters.plugins import PLUGINS
from aws_advanced_python_wrapper.plugin import BlockingPlugin, Phase, Plugin
from aws_advanced_python_wrapper.stale_dns_plugin import StaleDnsPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.plugin import CallNext, ConnectNext, Failure, HostInfo, Opened, SessionView


class Early(Plugin):
    code = "early"
    phase = Phase.TRACKING


class Late(Plugin):
    code = "late"
    phase = Phase.SIGN_IN


class Unphased(Plugin):
    code = "unphased"


class AlsoUnphased(Plugin):
    code = "also_unphased"


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    before = dict(registry._registered)
    yield
    registry._registered.clear()
    registry._registered.update(before)
    registry._installed.clear()


@pytest.fixture
def _offered(monkeypatch: pytest.MonkeyPatch) -> None:
    group = registry.ENTRY_POINT_GROUP
    monkeypatch.setattr(sys.modules[registry.__name__], "early_plugin", Early, raising=False)
    monkeypatch.setattr(sys.modules[registry.__name__], "no_plugin", dict, raising=False)
    points = [
        EntryPoint("offered", f"{registry.__name__}:early_plugin", group),
        EntryPoint("gone", "no.such:Plugin", group),
        EntryPoint("half_gone", f"{registry.__name__}:NoSuchPlugin", group),
        EntryPoint("broken", f"{registry.__name__}:no_plugin", group),
        EntryPoint("failover", f"{registry.__name__}:early_plugin", group),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: EntryPoints(points).select(group=group))


@pytest.mark.parametrize("code", ["failover", "failover_v2", "failover2"])
def test_failover_has_three_names(code: str) -> None:
    assert plugin_classes([code], sort=True) == [FailoverPlugin]


@pytest.mark.parametrize(
    "requested",
    [
        ["failover", "failover_v2", "failover2"],
        [FailoverPlugin, "failover"],
        ["failover", FailoverPlugin, FailoverPlugin],
    ],
    ids=repr,
)
def test_each_plugin_works_once(requested: list[Any]) -> None:
    assert plugin_classes(requested, sort=True) == [FailoverPlugin]


@pytest.mark.parametrize("requested", [[], ["none"]], ids=repr)
def test_no_plugin_is_a_choice(requested: list[str]) -> None:
    assert plugin_classes(requested, sort=True) == []


def test_none_stands_alone() -> None:
    with pytest.raises(AwsWrapperError, match="'none' means that there are no plugins"):
        plugin_classes(["failover", "none"], sort=True)


def test_the_user_guides_spelling_of_the_default_list_is_the_default_list() -> None:
    theirs = plugin_classes(["auroraConnectionTracker", "failover", "efm"], sort=True)
    assert theirs == plugin_classes(PLUGINS.default, sort=True)
    assert [plugin.code for plugin in theirs] == ["aurora_connection_tracker", "failover", "host_monitoring"]


@pytest.mark.parametrize("code", ["host_monitoring", "host_monitoring_v2", "efm", "efm2"])
def test_host_monitoring_has_four_names(code: str) -> None:
    assert [plugin.code for plugin in plugin_classes([code], sort=True)] == ["host_monitoring"]


@pytest.mark.parametrize("code", ["stale_dns", "staleDns"])
def test_a_code_may_be_written_as_the_sister_drivers_write_it(code: str) -> None:
    register_plugin("my_own_v2", Early)
    assert plugin_classes([code, "myOwnV2"], sort=True) == [Early, StaleDnsPlugin]


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ([Late, FailoverPlugin, Early], [Early, FailoverPlugin, Late]),
        ([Late, Unphased, Early], [Early, Late, Unphased]),
        ([Unphased, Late, Early], [Unphased, Early, Late]),
        ([Late, Unphased, AlsoUnphased, Early], [Early, Late, Unphased, AlsoUnphased]),
        ([Early, Unphased, Late], [Early, Unphased, Late]),
    ],
)
def test_plugins_are_sorted_by_phase_and_one_without_stays_behind_its_neighbour(
    requested: list[Any], expected: list[Any]
) -> None:
    assert plugin_classes(requested, sort=True) == expected
    assert plugin_classes(requested, sort=False) == requested


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("auroraConectionTracker", "did you mean 'aurora_connection_tracker'"),
        ("connection_tracker", "did you mean 'aurora_connection_tracker'"),
        ("efm3", "did you mean 'efm"),
        ("staleDn", "did you mean 'stale_dns'"),
        ("stale-dns", "did you mean 'stale_dns'"),
        ("Stale_Dns", "did you mean 'stale_dns'"),
        ("failovr", "No plugin is called 'failovr', did you mean 'failover'"),
        ("None", r"No plugin is called 'None', did you mean 'none'\? There are: .*none, "),
        ("Failover-V2", "did you mean 'failover_v2'"),
        ("qqq", r"No plugin is called 'qqq'\. There are: .*failover"),
    ],
)
def test_an_unknown_code_is_told_with_the_nearest(code: str, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        plugin_classes([code], sort=True)


def test_a_registered_class_has_a_code_and_goes_before_a_built_in_one() -> None:
    register_plugin("mine", Early)
    register_plugin("failover", Late)
    assert plugin_classes(["mine", "failover", "failover2"], sort=False) == [Early, Late, FailoverPlugin]
    with pytest.raises(AwsWrapperError, match="did you mean 'mine'"):
        plugin_classes(["mines"], sort=True)


@pytest.mark.parametrize("wrong", [dict, Early.close, None, 7])
def test_what_is_no_plugin_is_refused(wrong: Any) -> None:
    with pytest.raises(AwsWrapperError, match="not a subclass"):
        register_plugin("wrong", wrong)
    with pytest.raises(AwsWrapperError, match="not a subclass"):
        plugin_classes([wrong], sort=True)


@pytest.mark.parametrize("code", ["", " ", "none", "one,two", " padded", None, 5], ids=repr)
def test_a_code_that_could_not_stand_in_a_list_is_refused(code: Any) -> None:
    with pytest.raises(AwsWrapperError, match="is no code for a plugin, give a word such as 'my_plugin'"):
        register_plugin(code, Early)


class Nameless(Plugin):
    pass


class AbstractName(BlockingPlugin):
    code = None  # type: ignore[assignment]


class PlainConnect(Plugin):
    code = "plain_connect"

    def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:  # type: ignore[override]
        raise NotImplementedError


class WaitingClose(Plugin):
    code = "waiting_close"

    async def close(self) -> None:  # type: ignore[override]
        pass


class AwaitingBlocker(BlockingPlugin):
    code = "awaiting_blocker"

    async def on_error(self, failure: Failure) -> None:  # type: ignore[override]
        pass


class WaitingConnected(BlockingPlugin):
    code = "waiting_connected"

    async def connected(self, opened: Opened) -> None:  # type: ignore[override]
        pass


class OtherArguments(Plugin):
    code = "other_arguments"

    async def execute(self, proceed: CallNext, statement: Any) -> Any:  # type: ignore[override]
        raise NotImplementedError


class OtherName(Plugin):
    code = "other_name"

    async def connect(self, host: HostInfo, further: ConnectNext) -> Opened:
        raise NotImplementedError


class Listless(BlockingPlugin):
    code = "listless"

    def on_error(self) -> None:  # type: ignore[override]
        pass


class NeedsText(Plugin):
    code = "needs_text"
    needs = "failover"  # type: ignore[assignment]


class ExcludesList(BlockingPlugin):
    code = "excludes_list"
    excludes = ["failover"]  # type: ignore[assignment]  # noqa: RUF012


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (NeedsText, r'NeedsText.needs must be a set of plugin codes, as in frozenset\({"failover"}\)'),
        (ExcludesList, "ExcludesList.excludes must be a set of plugin codes"),
        (OtherArguments, r"OtherArguments.execute must take \(function, proceed, \*args, \*\*kwargs\): too many"),
        (OtherName, r"OtherName.connect must take \(host, proceed\): missing a required argument: 'further'"),
        (Listless, r"Listless.on_error must take \(failure\): too many positional arguments"),
        (Nameless, r'Nameless has no code: name it in the class, as in code = "my_plugin"'),
        (AbstractName, "AbstractName has no code"),
        (PlainConnect, "PlainConnect.connect is a plain function: write 'async def', or derive the class"),
        (WaitingClose, "WaitingClose.close must be a plain function, as it may not wait: write 'def'"),
        (AwaitingBlocker, "AwaitingBlocker.on_error is a coroutine in a BlockingPlugin: write 'def', or derive"),
        (WaitingConnected, "WaitingConnected.connected must be a plain function"),
    ],
)
def test_a_class_that_is_no_whole_plugin_is_told_what_to_change(plugin: Any, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        register_plugin("wrong", plugin)
    with pytest.raises(AwsWrapperError, match=message):
        plugin_classes([plugin], sort=True)


def test_an_instance_in_place_of_a_class_is_told() -> None:
    instance: Any = Early(cast("SessionView", None))
    with pytest.raises(AwsWrapperError, match="give the class, not an instance of it"):
        plugin_classes([instance], sort=True)


def test_a_blocking_plugin_is_one_class_however_it_is_asked_for() -> None:
    class Blocker(BlockingPlugin):
        code = "blocker"
        phase = Phase.TRACKING

    register_plugin("mine", Blocker)
    (made,) = plugin_classes([Blocker, "mine", Blocker], sort=True)
    assert Blocker in made.__mro__
    assert (made.__name__, made.code, made.phase) == ("Blocker", "blocker", Phase.TRACKING)


@pytest.mark.usefixtures("_offered")
def test_distributions_offer_plugins() -> None:
    assert plugin_classes(["offered"], sort=True) == [Early]
    assert plugin_classes(["failover"], sort=True) == [FailoverPlugin]
    with pytest.raises(AwsWrapperError, match="not a subclass"):
        plugin_classes(["broken"], sort=True)
    for code in ("gone", "halfGone"):
        with pytest.raises(AwsWrapperError, match=r"gone is offered as .*, which cannot be loaded .*: inst") as caught:
            plugin_classes([code], sort=True)
        assert isinstance(caught.value.__cause__, (ImportError, AttributeError))
    with pytest.raises(AwsWrapperError, match="did you mean 'offered'"):
        plugin_classes(["offerd"], sort=True)


class OtherFailover(Plugin):
    code = "other_failover"
    phase = Phase.FAILOVER
    group = "failover"


class OtherMonitoring(Plugin):
    code = "other_monitoring"
    group = "host monitoring"


class Subclass(FailoverPlugin):
    pass


class Loner(Plugin):
    code = "loner"
    excludes = frozenset({"early"})


class Dependent(Plugin):
    code = "dependent"
    needs = frozenset({"early"})


class SignIn(Plugin):
    code = "sign_in"
    phase = Phase.SIGN_IN

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        return await proceed(host)


class Routing(SignIn):
    code = "routing"
    phase = Phase.ROUTING


class Selection(SignIn):
    code = "selection"
    phase = Phase.SELECTION


@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize(
    ("requested", "message"),
    [
        (["failover", OtherFailover], "failover .* and other_failover .* are two plugins for failover: keep one"),
        (["failover", Subclass], r"failover \(FailoverPlugin\) and failover \(Subclass\) are two plugins"),
        (["efm", OtherMonitoring], "are two plugins for host monitoring"),
        ([Subclass, OtherFailover], "are two plugins for failover"),
        ([Loner, Early], r"loner \(Loner\) and early \(Early\) do not work together: leave one"),
        ([Early, Loner], "do not work together"),
        ([Dependent], r"dependent \(Dependent\) needs early: add it, or leave dependent \(Dependent\) out"),
    ],
)
def test_plugins_that_do_not_work_together_are_told_by_name(requested: list[Any], message: str, sort: bool) -> None:
    with pytest.raises(AwsWrapperError, match=message):
        plugin_classes(requested, sort=sort)


def test_what_a_plugin_needs_may_stand_anywhere() -> None:
    assert plugin_classes([Dependent, Early], sort=False) == [Dependent, Early]


@pytest.mark.parametrize("requested", [["stale_dns", "failover"], ["failover", "stale_dns"]], ids=repr)
@pytest.mark.parametrize("sort", [True, False])
def test_a_plugin_whose_work_another_one_does_is_left_out(requested: list[str], sort: bool) -> None:
    assert plugin_classes(requested, sort=sort) == [FailoverPlugin]


def test_a_plugin_that_is_left_out_counts_as_there() -> None:
    class NeedsStaleDns(Plugin):
        code = "needs_stale_dns"
        needs = frozenset({"stale_dns"})

    assert plugin_classes([NeedsStaleDns, "failover"], sort=False) == [NeedsStaleDns, FailoverPlugin]


def test_a_sign_in_that_failover_would_pass_by_is_refused() -> None:
    with pytest.raises(AwsWrapperError, match=r"sign_in .* stands before failover .* list it behind"):
        plugin_classes([SignIn, FailoverPlugin], sort=False)
    assert plugin_classes([SignIn, FailoverPlugin], sort=True) == [FailoverPlugin, SignIn]


def test_an_odd_order_is_warned_about_once_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    chain._warn.cache_clear()
    for _ in range(2):
        assert plugin_classes([Selection, Routing], sort=False) == [Selection, Routing]
    (warning,) = caplog.messages
    assert "selection (Selection) stands before routing (Routing)" in warning


@pytest.mark.parametrize(
    "requested", [[FailoverPlugin, Early], [Late, FailoverPlugin], [SignIn, Unphased], [SignIn, Early]]
)
def test_an_order_that_makes_no_difference_is_nobodys_business(
    requested: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert plugin_classes(requested, sort=False) == requested
    assert caplog.messages == []
