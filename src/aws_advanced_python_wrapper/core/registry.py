"""Plugin codes and the classes behind them; a class is imported when a connection first asks for it."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.converters import unknown
from aws_advanced_python_wrapper.core.chain import check, effective
from aws_advanced_python_wrapper.core.plugin_class import checked
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.later import PLUGINS_TO_COME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint, EntryPoints

    from aws_advanced_python_wrapper.core.blocking_plugin import BlockingPlugin
    from aws_advanced_python_wrapper.core.plugin import Plugin

ENTRY_POINT_GROUP = "aws_advanced_python_wrapper.plugins"
"""Distributions offer plugins under this group: the name is the code, the value the class."""

_FAILOVER = "aws_advanced_python_wrapper.failover_plugin:FailoverPlugin"
_TRACKER = "aws_advanced_python_wrapper.aurora_connection_tracker_plugin:AuroraConnectionTrackerPlugin"
_HOST_MONITORING = "aws_advanced_python_wrapper.host_monitoring_plugin:HostMonitoringPlugin"

_BUILT_IN = {
    "aurora_connection_tracker": _TRACKER,
    "aws_secrets_manager": "aws_advanced_python_wrapper.aws_secrets_manager_plugin:AwsSecretsManagerPlugin",
    "connect_time": "aws_advanced_python_wrapper.connect_time_plugin:ConnectTimePlugin",
    "dev": "aws_advanced_python_wrapper.developer_plugin:DeveloperPlugin",
    "execute_time": "aws_advanced_python_wrapper.execute_time_plugin:ExecuteTimePlugin",
    "failover": _FAILOVER,
    "failover_v2": _FAILOVER,
    "failover2": _FAILOVER,
    "federated_auth": "aws_advanced_python_wrapper.federated_auth_plugin:FederatedAuthPlugin",
    "host_monitoring": _HOST_MONITORING,
    "host_monitoring_v2": _HOST_MONITORING,
    "efm": _HOST_MONITORING,
    "efm2": _HOST_MONITORING,
    "fastest_response_strategy": (
        "aws_advanced_python_wrapper.fastest_response_strategy_plugin:FastestResponseStrategyPlugin"
    ),
    "iam": "aws_advanced_python_wrapper.iam_plugin:IamPlugin",
    "okta": "aws_advanced_python_wrapper.okta_plugin:OktaPlugin",
    "read_write_splitting": "aws_advanced_python_wrapper.read_write_splitting_plugin:ReadWriteSplittingPlugin",
    "stale_dns": "aws_advanced_python_wrapper.stale_dns_plugin:StaleDnsPlugin",
}
_NONE = "none"
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")  # the sister drivers' user guide writes auroraConnectionTracker
_registered: dict[str, type[Plugin]] = {}
_installed: dict[str, object] = {}
"""What the entry points led to that were asked for."""


def register_plugin(code: str, plugin_class: type[Plugin | BlockingPlugin]) -> None:
    """Make a plugin class known to this process under a code, before built-in ones of the same code.

    Raises:
        AwsWrapperError: it is no plugin class, has no `code` of its own, or a hook of the wrong kind; or the code could
            not stand in `plugins`.
    """
    _check_code(code)
    _registered[code] = checked(plugin_class)


def _check_code(code: object) -> None:
    if not isinstance(code, str) or code in ("", _NONE) or code != code.strip() or "," in code:
        raise AwsWrapperError(f"register_plugin: {code!r} is no code for a plugin, give a word such as 'my_plugin'")


def plugin_classes(requested: Sequence[str | type[Plugin | BlockingPlugin]], *, sort: bool) -> list[type[Plugin]]:
    """Return the classes for plugin codes (or classes) in chain order, each once; ``none`` alone stands for no plugin.

    Raises:
        AwsWrapperError: a code is unknown, what it names is not a plugin as `register_plugin` wants it, or the plugins
            do not work together.
    """
    if tuple(requested) == (_NONE,):
        return []
    classes = list(dict.fromkeys(_find(item) if isinstance(item, str) else checked(item) for item in requested))
    chain = _sorted(classes) if sort else classes
    check(chain)
    return effective(chain)


def _sorted(classes: list[type[Plugin]]) -> list[type[Plugin]]:
    ranks: list[int] = []
    for plugin_class in classes:
        behind = ranks[-1] if ranks else 0
        ranks.append(behind if plugin_class.phase is None else plugin_class.phase)
    order = sorted(range(len(classes)), key=ranks.__getitem__)
    return [classes[place] for place in order]


def _find(code: str) -> type[Plugin]:
    if code == _NONE:
        raise AwsWrapperError("plugins: 'none' means that there are no plugins, so it stands alone")
    snake = _CAMEL_HUMP.sub(lambda hump: f"_{hump[0].lower()}", code)
    found = _lookup(code) or _lookup(snake)
    if found is None and snake in PLUGINS_TO_COME:
        raise AwsWrapperError(f"plugins: the plugin '{code}' is not supported yet, leave it out")
    if found is None:
        raise unknown("plugin", code, {_NONE, *_BUILT_IN, *_registered, *(point.name for point in _offered())})
    return checked(found)


def _lookup(code: str) -> object:
    if code in _registered:
        return _registered[code]
    if code in _BUILT_IN:
        module, name = _BUILT_IN[code].split(":")
        return getattr(import_module(module), name)
    if code not in _installed:  # to look costs milliseconds
        _installed.update((code, _loaded(point)) for point in _offered() if point.name == code)
    return _installed.get(code)


def _loaded(point: EntryPoint) -> object:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise AwsWrapperError(
            f"plugins: {point.name} is offered as {point.value}, which cannot be loaded ({error}): install its "
            "distribution anew, or leave it out"
        ) from error


def _offered() -> EntryPoints:
    return entry_points(group=ENTRY_POINT_GROUP)
