"""Where the text of a query begins that has attributes before it, as tools for tracing send them."""

from __future__ import annotations

# Types of values (MySQL source documentation, "Binary Protocol Resultset Row"): so many bytes, or preceded by a length.
_FIXED = {0x01: 1, 0x02: 2, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 0, 0x08: 8, 0x09: 4, 0x0D: 2}
_LENGTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}


def text_at(query: bytes) -> int:
    """Return the place of the text in a query's packet; raises IndexError for a packet that ends before it."""
    count, at = _number(query, 1)
    _sets, at = _number(query, at)
    if count == 0:
        return at
    nulls = query[at : at + (count + 7) // 8]
    at += len(nulls) + 1
    kinds = []
    for _ in range(count):
        kinds.append(query[at])  # a flag is next: whether numbers have no sign
        length, at = _number(query, at + 2)  # of its name
        at += length
    for place, kind in enumerate(kinds):
        if not nulls[place // 8] >> place % 8 & 1:
            at = _after(query, at, kind)
    return at


def _after(query: bytes, at: int, kind: int) -> int:
    if kind in _FIXED:
        return at + _FIXED[kind]
    length, at = _number(query, at)
    return at + length


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length and the place after it."""
    size = _LENGTHS.get(data[at], 0)
    return (int.from_bytes(data[at + 1 : at + 1 + size], "little") if size else data[at]), at + 1 + size
