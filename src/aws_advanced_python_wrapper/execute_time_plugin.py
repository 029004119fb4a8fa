"""How long calls take that touch the network: a total for the process, and a line in the log for each call."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.core.plugin import Plugin, method_name
from aws_advanced_python_wrapper.core.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.plugin import CallNext

logger = logging.getLogger(__name__)

_TOTAL = Tally()


class ExecuteTimePlugin(Plugin):
    """The plugin `execute_time`. It measures what the plugins behind it and the database driver take together."""

    code = "execute_time"
    execute_time = _TOTAL
    """Nanoseconds that the calls of all connections of this process have taken, those that failed too."""

    async def execute(self, function: Callable[..., Any], proceed: CallNext, *args: Any, **kwargs: Any) -> Any:
        """Measure a call."""
        began = time.perf_counter_ns()
        try:
            return await proceed(*args, **kwargs)
        finally:
            taken = time.perf_counter_ns() - began
            _TOTAL.add(taken)
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug("%s took %.3f ms", method_name(function), taken / 1e6)

    @staticmethod
    def reset_execute_time() -> None:
        """Begin at zero again."""
        _TOTAL.reset()
