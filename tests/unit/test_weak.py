from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.core.weak import WeakCollection

if TYPE_CHECKING:
    from collections.abc import Iterator


class Item:
    pass


@pytest.fixture
def hectic() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_what_nobody_else_holds_is_gone() -> None:
    collection: WeakCollection[Item] = WeakCollection()
    kept, dropped = Item(), Item()
    for item in (kept, dropped, kept):
        collection.add(item)
    assert len(list(collection)) == 2
    del dropped, item
    gc.collect()
    assert list(collection) == [kept]
    assert len(collection._references) == 1


@pytest.mark.usefixtures("hectic")
def test_it_may_be_changed_by_other_threads_meanwhile() -> None:
    collection: WeakCollection[Item] = WeakCollection()
    done = threading.Event()

    def change() -> None:
        kept: list[Item] = []
        while not done.is_set():
            kept.append(Item())
            collection.add(kept[-1])
            if len(kept) > 300:
                kept.clear()

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(1000):
            assert all(isinstance(item, Item) for item in collection)
    finally:
        done.set()
        for thread in threads:
            thread.join()
