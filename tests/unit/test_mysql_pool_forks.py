"""The connector's own pools in programs that fork, as servers do that have loaded the program before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.driver_ways import Way
from support.forking import works_in_a_child
from support.mysql_sessions import MysqlSessions
from support.playing_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["mysql-c", "mysql-pure"])
def way(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


@pytest.fixture
def sessions() -> MysqlSessions:
    return MysqlSessions()


@pytest.fixture
def pool(way: Way, sessions: MysqlSessions) -> Iterator[dict[str, Any]]:
    """Return the arguments of a pool with one connection, which ends with the test."""
    from mysql.connector import pooling, version

    if way.name == "mysql-c" and version.VERSION[:2] < (9, 4):
        pytest.skip("in its pools, this C extension lets no other thread run, and so no server in this process")
    with serving(sessions) as server:
        name = f"forked_{server.port}"
        yield {"port": server.port, "pool_name": name, "pool_size": 1}
        pooling._CONNECTION_POOLS.pop(name)._remove_connections()


def test_a_forked_child_and_its_parent_are_lent_connections_of_their_own(
    way: Way, sessions: MysqlSessions, pool: dict[str, Any]
) -> None:
    def use(statement: str) -> None:
        async def scenario() -> None:
            raw = await way.open(**pool)
            await way.tell(raw, statement)
            await way.leave(raw)

        way.play(scenario)

    def use_twice() -> None:
        use("SET who='child'")
        use("SET who='child again'")

    use("SET who='parent'")
    assert works_in_a_child(use_twice)
    use("SET who='parent again'")
    told = [[heard[1:].decode() for heard in client.heard if b"who=" in heard] for client in sessions.clients]
    assert told == [["SET who='parent'", "SET who='parent again'"], ["SET who='child'", "SET who='child again'"]]
