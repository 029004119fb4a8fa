"""What an author may have got wrong in a class that is to be a plugin: told by name, before anything is opened."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from aws_advanced_python_wrapper.core.blocking_plugin import BlockingPlugin, as_plugin
from aws_advanced_python_wrapper.core.plugin import Plugin
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable

_MAY_WAIT = ("execute", "connect", "on_read_only", "on_reopen", "on_error")
_NEVER_WAIT = ("connected", "close", "sign_in")

_fine: WeakSet[type] = WeakSet()  # each connection has its classes checked, most of them once more


def checked(found: object) -> type[Plugin]:
    """Return the plugin class that a program, or a distribution, gave, as the chain needs it.

    Raises:
        AwsWrapperError: it is no plugin class, has no `code`, or a hook of the wrong kind or with other arguments.
    """
    if not (isinstance(found, type) and issubclass(found, (Plugin, BlockingPlugin))):
        instead = ": give the class, not an instance of it" if isinstance(found, (Plugin, BlockingPlugin)) else ""
        raise AwsWrapperError(
            f"plugins: {found!r} is not a subclass of Plugin or BlockingPlugin, "
            f"which aws_advanced_python_wrapper.plugin has{instead}"
        )
    if found not in _fine:
        _check(found)
        _fine.add(found)
    return found if issubclass(found, Plugin) else as_plugin(found)


def _check(plugin_class: type[Plugin | BlockingPlugin]) -> None:
    name = plugin_class.__name__
    if not isinstance(getattr(plugin_class, "code", None), str):
        raise AwsWrapperError(f'plugins: {name} has no code: name it in the class, as in code = "my_plugin"')
    for attribute in ("excludes", "needs", "covers"):
        _check_codes(f"{name}.{attribute}", getattr(plugin_class, attribute))
    base = Plugin if issubclass(plugin_class, Plugin) else BlockingPlugin
    for hook in (*_MAY_WAIT, *_NEVER_WAIT):
        method, model = getattr(plugin_class, hook), getattr(base, hook)
        if method is not model:
            _check_kind(f"{name}.{hook}", method, model)
            _check_arguments(f"{name}.{hook}", method, model)


def _check_codes(name: str, codes: object) -> None:
    if not isinstance(codes, (set, frozenset)) or not all(isinstance(code, str) for code in codes):
        raise AwsWrapperError(f'plugins: {name} must be a set of plugin codes, as in frozenset({{"failover"}})')


def _check_kind(name: str, method: Callable[..., Any], model: Callable[..., Any]) -> None:
    should_wait = inspect.iscoroutinefunction(model)
    if inspect.iscoroutinefunction(method) is should_wait:
        return
    if should_wait:
        wrong = "is a plain function: write 'async def', or derive the class from BlockingPlugin"
    elif name.endswith(_NEVER_WAIT):
        wrong = "must be a plain function, as it may not wait: write 'def'"
    else:
        wrong = "is a coroutine in a BlockingPlugin: write 'def', or derive the class from Plugin"
    raise AwsWrapperError(f"plugins: {name} {wrong}")


def _check_arguments(name: str, method: Callable[..., Any], model: Callable[..., Any]) -> None:
    """See whether a hook takes what its model takes, given as the session gives it."""
    wanted = inspect.signature(model).parameters
    given: list[str] = [one.name for one in wanted.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
    options = dict.fromkeys(["proceed"]) if "args" not in wanted and "proceed" in given else {}
    given = [one for one in given if one not in options]
    if "args" in wanted:
        given, options = [*given, "statement"], {"prepare": None}
    try:
        inspect.signature(method).bind(*given, **options)
    except TypeError as error:
        shown = ", ".join(str(one).partition(":")[0] for one in list(wanted.values())[1:])
        raise AwsWrapperError(f"plugins: {name} must take ({shown}): {error}") from None
