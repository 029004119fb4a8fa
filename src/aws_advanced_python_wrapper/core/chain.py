"""Which plugins work together, and in which order: told when a connection is opened, before anything can go wrong."""

from __future__ import annotations

import logging
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.plugin import Phase, Plugin, class_overrides
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)


def check(chain: Sequence[type[Plugin]]) -> None:
    """Raise `AwsWrapperError` if the plugins cannot work together in this order; an order that is odd is logged."""
    for outer, inner in combinations(chain, 2):
        _check_company(outer, inner)
        _check_order(outer, inner)
    at_work = {plugin.code for plugin in chain} | _covered(chain)
    for plugin in chain:
        if missing := sorted(plugin.needs - at_work):
            name = _name(plugin)
            raise AwsWrapperError(f"plugins: {name} needs {', '.join(missing)}: add it, or leave {name} out")


def effective(chain: Sequence[type[Plugin]]) -> list[type[Plugin]]:
    """Return the plugins that have something to do: not those whose work another one does too."""
    covered = _covered(chain)
    return [plugin for plugin in chain if plugin.code not in covered]


def _covered(chain: Sequence[type[Plugin]]) -> frozenset[str]:
    return frozenset().union(*(plugin.covers for plugin in chain))


def _check_company(one: type[Plugin], other: type[Plugin]) -> None:
    both = f"plugins: {_name(one)} and {_name(other)}"
    if one.group is not None and one.group == other.group:
        raise AwsWrapperError(f"{both} are two plugins for {one.group}: keep one of them")
    if class_overrides(one, "sign_in") and class_overrides(other, "sign_in"):
        raise AwsWrapperError(f"{both} both sign in: keep one of them")
    if other.code in one.excludes or one.code in other.excludes:
        raise AwsWrapperError(f"{both} do not work together: leave one of them out")


def _check_order(outer: type[Plugin], inner: type[Plugin]) -> None:
    """A plugin opens connections through those behind it: one that takes part in opening must not stand before it."""
    if outer.phase is None or inner.phase is None or outer.phase <= inner.phase:
        return
    if not (
        class_overrides(outer, "connect") and (class_overrides(inner, "connect") or class_overrides(inner, "on_error"))
    ):
        return
    message = (
        f"plugins: {_name(outer)} stands before {_name(inner)} and takes no part in the connections that one opens: "
        f"list it behind, or leave auto_sort_wrapper_plugin_order on"
    )
    if outer.phase is Phase.SIGN_IN:  # these connections would be refused
        raise AwsWrapperError(message)
    _warn(message)


@cache  # every further connection has the same to say
def _warn(message: str) -> None:
    logger.warning("%s", message)


def _name(plugin: type[Plugin]) -> str:
    return f"{plugin.code} ({plugin.__name__})"
