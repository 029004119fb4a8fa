from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.testing import FakeNetwork
from support.flavours import AsyncioFlavour, BlockingFlavour, Flavour

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.aws_api import Aws


@pytest.fixture
def network() -> Iterator[FakeNetwork]:
    """An empty network; what was started in it, and all that the driver keeps of it, is gone after the test."""
    network = FakeNetwork()
    release_resources()
    yield network
    release_resources()
    network.close()
    for thread in threading.enumerate():
        if thread.name.startswith(("topology ", "host ", "response time ")):
            thread.join(5)
            assert not thread.is_alive(), f"{thread} does not end"


@pytest.fixture(params=[BlockingFlavour, AsyncioFlavour], ids=["blocking", "asyncio"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    made: Flavour = request.param()
    return made


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """AWS's APIs in this process, and an access key that counts, which AWS's library finds."""
    from support.aws_api import serving_aws  # takes a second

    with serving_aws(tmp_path, monkeypatch) as made:
        yield made
