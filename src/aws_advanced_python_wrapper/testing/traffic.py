"""What hosts and connections of one network have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from aws_advanced_python_wrapper.testing.gates import Gates

Rows: TypeAlias = list[tuple[str | None, ...]]


@dataclass
class Traffic:
    """The statements on a network, and those who wait for a connection."""

    faults: dict[str, BaseException] = field(default_factory=dict)
    """Statement -> what its next execution raises."""
    results: dict[str, Rows] = field(default_factory=dict)
    """Statement -> the rows that it returns from any host."""
    log: list[tuple[str, str]] = field(default_factory=list)
    """(host's id, statement) of each statement of the program's, in order; the driver's own are not among them."""
    connecting: Gates = field(default_factory=Gates)
    """Those who wait for a connection; they look at their host again when they go on."""
