"""Fixtures for tests that need an Aurora cluster.

`local_cluster_factory` makes clusters. `aurora_postgresql` and `aurora_mysql` have three instances each, and the whole
session shares them; `healthy_aurora_postgresql` and `healthy_aurora_mysql` are the same ones, put back in order before
each test. pytest loads this module in every run of everybody who has the driver installed: it must import nothing else.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local.cluster import LocalCluster


@pytest.fixture(scope="session")
def local_cluster_factory() -> Iterator[Callable[..., LocalCluster]]:
    """Return a function that takes the arguments of `LocalCluster` and returns it started."""
    from aws_advanced_python_wrapper.local.cluster import LocalCluster  # noqa: PLC0415

    with ExitStack() as clusters:

        def make(**settings: Any) -> LocalCluster:
            return clusters.enter_context(LocalCluster(**settings))

        yield make


@pytest.fixture(scope="session")
def aurora_postgresql(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    """Return the session's Aurora PostgreSQL cluster of three instances, as the tests before left it."""
    return local_cluster_factory(instances=3)


@pytest.fixture
def healthy_aurora_postgresql(aurora_postgresql: LocalCluster) -> LocalCluster:
    """Return the session's cluster with all instances running, no faults, and delays as at the start."""
    aurora_postgresql.restore()
    return aurora_postgresql


@pytest.fixture(scope="session")
def aurora_mysql(local_cluster_factory: Callable[..., LocalCluster]) -> LocalCluster:
    """Return the session's Aurora MySQL cluster of three instances, as the tests before left it.

    A MySQL server is fetched if there is none. Tests are skipped, with the reason, where none can be had.
    """
    from aws_advanced_python_wrapper.local.errors import LocalClusterError  # noqa: PLC0415
    from aws_advanced_python_wrapper.local.mysql.installation import have_server  # noqa: PLC0415

    try:
        have_server(print)
    except LocalClusterError as error:
        pytest.skip(str(error))
    return local_cluster_factory(engine="mysql", name="demo-mysql", instances=3)


@pytest.fixture
def healthy_aurora_mysql(aurora_mysql: LocalCluster) -> LocalCluster:
    """Return the session's MySQL cluster with all instances running, no faults, and delays as at the start."""
    aurora_mysql.restore()
    return aurora_mysql
