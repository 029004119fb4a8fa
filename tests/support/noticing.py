"""A fake driver that looks at its connections as those for MySQL do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.testing import FakeAdapter

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeConnection


class NoticingAdapter(FakeAdapter):
    """Knows that a connection is lost as soon as its host has cut it, and not only after a call."""

    def is_closed(self, raw: FakeConnection) -> bool:
        """Look for what the host has done."""
        return self.is_dropped(raw)
