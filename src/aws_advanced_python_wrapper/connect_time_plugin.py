"""How long connecting takes: a total for the process, and a line in the log for each connection."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.plugin import Plugin
from aws_advanced_python_wrapper.core.tally import Tally

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.plugin import ConnectNext

logger = logging.getLogger(__name__)

_TOTAL = Tally()


class ConnectTimePlugin(Plugin):
    """The plugin `connect_time`. It measures what the plugins behind it and the database driver take together."""

    code = "connect_time"
    connect_time = _TOTAL
    """Nanoseconds that all attempts to connect have taken in this process, those in vain too."""

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        """Measure an attempt."""
        began = time.perf_counter_ns()
        try:
            return await proceed(host)
        finally:
            taken = time.perf_counter_ns() - began
            _TOTAL.add(taken)
            logger.debug("connecting to %s took %.3f ms", host.address, taken / 1e6)

    @staticmethod
    def reset_connect_time() -> None:
        """Begin at zero again."""
        _TOTAL.reset()
