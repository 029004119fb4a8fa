"""Sets of global transaction identifiers, as far as they have to be counted."""

from __future__ import annotations


def counts(gtids: str) -> dict[str, int]:
    """Return how many transactions a set has, by the server where they were first committed.

    The set must be normalised, as the server's own functions return it: "uuid:1-5:7,\\nuuid:1".
    """
    return {uuid: sum(map(_size, rest)) for uuid, *rest in (part.split(":") for part in _parts(gtids))}


def _parts(gtids: str) -> list[str]:
    return [part.strip() for part in gtids.split(",") if part.strip()]


def _size(interval: str) -> int:
    first, _, last = interval.partition("-")
    if not first.isdecimal():  # a tag, which names the numbers behind it
        return 0
    return int(last or first) - int(first) + 1
