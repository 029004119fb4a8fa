"""What uses the event loop most, in uvloop: tests of the blocking flavour that get its connections."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from cluster.in_loop import LoopThread
from cluster.test_failover import (  # noqa: F401 - collected here
    test_a_lost_writer_is_replaced_by_the_new_one,
    test_a_statement_under_way_ends_when_the_writer_is_replaced,
    test_threads_that_share_a_connection_share_its_failover,
    test_twenty_connections_fail_over_together,
)
from cluster.test_failover_psycopg import (  # noqa: F401 - collected here
    test_a_loss_in_the_middle_of_the_work_fails_over,
    test_every_call_of_a_server_side_cursor_fails_over,
    test_every_call_that_touches_the_network_fails_over,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def loop_thread(uvloop: Any) -> Iterator[LoopThread]:
    with closing(LoopThread(uvloop.new_event_loop)) as thread:
        yield thread
