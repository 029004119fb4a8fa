"""What each instance believes about the cluster: the file behind the SQL functions that show it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aws_advanced_python_wrapper.local.node import Node


@dataclass(frozen=True, slots=True)
class Row:
    """One instance as the table shows it."""

    number: int
    server_id: str
    writer: bool
    session_id: str
    resource_id: str
    endpoint: str
    port: int


class TopologyTables:
    """Writes every instance's table, each after its own delay, as news travels in a real cluster.

    Who has stopped reporting is visible everywhere at once, since it is only an update that no longer comes.
    """

    def __init__(self, delay: Callable[[str], float]) -> None:
        self._delay = delay
        self._views: dict[str, tuple[Row, ...]] = {}
        self._seen: dict[str, datetime] = {}
        self._lags: dict[str, float] = {}
        self._nodes: dict[str, Node] = {}
        self._arrived: dict[str, int] = {}
        self._sent = 0

    def publish(self, rows: Iterable[Row], nodes: Iterable[Node]) -> None:
        """Let each of the nodes learn of the new rows after its delay."""
        view = tuple(rows)
        self._sent += 1
        loop = asyncio.get_running_loop()
        for node in nodes:
            self._nodes[node.name] = node
            loop.call_later(self._delay(node.name), self._arrive, node, view, self._sent)

    def write(self, node: Node, view: tuple[Row, ...]) -> None:
        """Give a node its table now; what is still on its way to it is older."""
        self._sent += 1
        self._arrived[node.name] = self._sent
        self._views[node.name] = view
        self._nodes[node.name] = node
        self._write(node)

    def _arrive(self, node: Node, view: tuple[Row, ...], sent: int) -> None:
        # The node may have been removed meanwhile, or have newer news.
        if self._nodes.get(node.name) is node and sent >= self._arrived.get(node.name, 0):
            self._arrived[node.name] = sent
            self._views[node.name] = view
            self._write(node)

    def gone(self, name: str) -> None:
        """The instance stopped reporting just now."""
        self._seen.setdefault(name, datetime.now(timezone.utc))
        self._write_all()

    def back(self, name: str) -> None:
        """The instance reports again."""
        if self._seen.pop(name, None):
            self._write_all()

    def set_lag(self, name: str, lag: float | None) -> None:
        """Have an instance reported as so many milliseconds behind the writer; None: as it is."""
        self._lags.pop(name, None)
        if lag is not None:
            self._lags[name] = lag
        self._write_all()

    def forget_lags(self) -> None:
        """Have all instances reported as they are."""
        self._lags.clear()
        self._write_all()

    def forget(self, name: str) -> None:
        """The instance does not exist any more."""
        self._views.pop(name, None)
        self._nodes.pop(name, None)
        self._arrived.pop(name, None)
        self._seen.pop(name, None)
        self._lags.pop(name, None)

    def _write_all(self) -> None:
        for name in self._views:
            self._write(self._nodes[name])

    def _write(self, node: Node) -> None:
        rows = [{**asdict(row), **self._report(row.server_id)} for row in self._views[node.name]]
        node.show(json.dumps(rows))

    def _report(self, name: str) -> dict[str, object]:
        """Return when an instance was last seen, in two spellings; None for one that is seen now."""
        seen = self._seen.get(name)
        return {
            "seen": seen and seen.isoformat(),
            "seen_at": seen and seen.timestamp(),
            "lag": self._lags.get(name),
        }
