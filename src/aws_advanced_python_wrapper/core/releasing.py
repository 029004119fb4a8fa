"""What `release_resources` lets go of, beside clusters and watchers: modules that hold something say so when loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FUNCTIONS: list[Callable[[], None]] = []


def at_release(function: Callable[[], None]) -> None:
    """Have a function called whenever the program releases the driver's resources."""
    _FUNCTIONS.append(function)


def release() -> None:
    """Call all of them."""
    for function in _FUNCTIONS:
        function()
