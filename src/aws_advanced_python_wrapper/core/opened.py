"""A connection that was opened: what plugins are given and pass on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.connection_provider import Lease
    from aws_advanced_python_wrapper.driver.contract import RawConnection


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection of the wrapped driver and the host that it leads to, as the host says itself."""

    raw: RawConnection
    host: HostInfo
    lease: Lease | None = None
    """Where it came from a pool. `SessionView.leave` and `discard` know what is to become of it."""
    process: int = field(default_factory=os.getpid, compare=False)
    """The process that opened it."""

    @property
    def inherited(self) -> bool:
        """Whether it is the connection of the process from which this one was forked, which may go on using it."""
        return self.process != os.getpid()
