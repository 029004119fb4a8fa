"""What the adapters for MySQL note of sessions, when these end and when they do not come about again."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.errors import AwsWrapperError, QueryTimeoutError
from support.driver_ways import WAYS, Way
from support.mysql_sessions import MysqlSessions
from support.playing_server import Server, serving
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTOCOMMIT = 2


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


@pytest.fixture(params=["mysql-c", "mysql-pure", "mysql-aio"])
def connector(request: pytest.FixtureRequest) -> Way:
    way = Way(request.param)
    if way.is_asyncio and way.adapter.errors.__version_info__[0] < 9:
        pytest.skip("this version cannot change to another user at a server that wants no further proof")
    return way


@pytest.fixture(params=["mysql-c", "mysql-pure"])
def blocking(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


@pytest.fixture
def c_extension() -> Way:
    return Way("mysql-c")


@pytest.fixture
def sessions() -> MysqlSessions:
    return MysqlSessions()


@pytest.fixture
def pool(blocking: Way, server: Server) -> Iterator[str]:
    """Return the name of a pool of the driver's own; its connections end with the test."""
    from mysql.connector import pooling, version

    if blocking.name == "mysql-c" and version.VERSION[:2] < (9, 4):
        pytest.skip("in its pools, this C extension lets no other thread run, and so no server in this process")
    name = f"pool_{server.port}"
    yield name
    pooling._CONNECTION_POOLS.pop(name)._remove_connections()


@pytest.fixture
def server(sessions: MysqlSessions) -> Iterator[Server]:
    with serving(sessions) as server:
        yield server


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("in_its_login", [True, False])
def test_a_session_that_does_not_come_about_again_goes_over_as_it_was(
    way: Way, sessions: MysqlSessions, server: Server, autocommit: bool, in_its_login: bool
) -> None:
    async def scenario() -> None:
        own = {"init_command": "SET wait_timeout=100"}
        raw = await way.open(server.port, autocommit=autocommit, **own)
        new = await way.open(server.port, autocommit=autocommit, **own)
        await way.tell(raw, "USE other", "SET SESSION TRANSACTION READ ONLY")
        if in_its_login:
            server.scripts[:] = [socket.socket.close]
        else:
            sessions.drops = "wait_timeout"
        with pytest.raises(way.adapter.failures):
            await way.reconnect(raw)
        assert way.adapter.notes(raw).database == "other"
        assert way.adapter.read_only(raw) is True
        assert await way.adapter.autocommit(way.io, raw) is autocommit
        sessions.statements.clear()
        await way.adapter.copy_state(way.io, raw, new, Deadline.after(10))
        assert sessions.statements == ["SET SESSION transaction_read_only = 1", "USE `other`"]
        await way.leave(raw, new)

    way.play(scenario)


def test_a_session_that_comes_about_again_has_nothing_of_the_last_one(way: Way, server: Server) -> None:
    async def scenario() -> None:
        raw = await way.open(server.port)
        await way.tell(raw, "USE other", "SET SESSION TRANSACTION READ ONLY")
        await way.reconnect(raw)
        assert (way.adapter.notes(raw).database, way.adapter.read_only(raw)) == (None, None)
        await way.leave(raw)

    way.play(scenario)


@pytest.mark.parametrize("autocommit", [True, False])
def test_what_is_disconnected_is_committed_as_it_was(way: Way, server: Server, autocommit: bool) -> None:
    async def scenario() -> None:
        raw = await way.open(server.port, autocommit=autocommit)
        await way.leave(raw)
        assert await way.adapter.autocommit(way.io, raw) is autocommit

    way.play(scenario)


def test_what_is_noted_on_a_connection_is_no_attribute_of_the_programs(way: Way, server: Server) -> None:
    async def scenario() -> None:
        raw, new = await way.open(server.port), await way.open(server.port)
        ours = vars(raw).keys() & way.adapter.own_attributes
        for name in ours & vars(new).keys():
            delattr(new, name)  # as on a connection that was opened by a function of the program's
        raw.programs_own = 1
        way.adapter.move_additions(raw, new)
        assert vars(new).keys() & (way.adapter.own_attributes | {"programs_own"}) == {"programs_own"}
        assert vars(raw).keys() >= ours
        way.adapter.note_socket(new)
        new.begin_notes()
        await way.leave(raw, new)

    way.play(scenario)


def test_a_session_that_a_pool_has_back_keeps_what_is_noted_of_its_prepared_statements(
    c_extension: Way, server: Server
) -> None:
    async def scenario() -> None:
        raw = await c_extension.open(server.port)
        vars(raw).pop("_open_statements", None)  # there is none until the first statement is prepared
        snapshot = c_extension.adapter.snapshot(raw)
        raw._open_statements = 1
        await c_extension.adapter.restore(c_extension.io, raw, snapshot, Deadline.after(10))
        assert raw._open_statements == 1
        await c_extension.leave(raw)

    c_extension.play(scenario)


def test_what_stands_for_a_connection_that_was_left_keeps_nothing_of_it_in_use(
    blocking: Way, sessions: MysqlSessions, server: Server
) -> None:
    async def scenario() -> None:
        raw = await blocking.open(server.port, autocommit=True)
        twin = blocking.adapter.closed_twin(raw)
        await blocking.leave(raw)
        eventually(lambda: sessions.farewells == 1)
        assert blocking.adapter.is_closed(twin)
        assert blocking.adapter.notes(twin) == blocking.adapter.notes(raw)

    blocking.play(scenario)


def test_a_lost_connection_is_closed_although_its_pool_has_no_place_for_another(
    blocking: Way, server: Server, pool: str
) -> None:
    async def scenario() -> None:
        raw = await blocking.open(server.port, pool_name=pool, pool_size=1)
        connection = blocking.adapter.itself(raw)
        raw._cnx_pool.add_connection()
        blocking.adapter.abort(raw)
        await blocking.adapter.close(blocking.io, raw)
        with pytest.raises(OSError, match=r"closed|no open socket"):
            blocking.adapter.socket_number(blocking.adapter.wire(connection))

    blocking.play(scenario)


def test_what_lies_in_a_pool_is_noted_once_as_another_thread_may_have_taken_it_meanwhile(
    blocking: Way, server: Server, pool: str
) -> None:
    async def scenario() -> None:
        first = await blocking.open(server.port, pool_name=pool, pool_size=3)
        lying = list(first._cnx_pool._cnx_queue.queue)
        noted = [connection._noted_socket for connection in lying]
        second = await blocking.open(server.port, pool_name=pool, pool_size=3)
        assert second._cnx is lying[0]
        assert lying[1]._noted_socket is noted[1]
        first.close()
        second.close()

    blocking.play(scenario)


async def change_user(way: Way, raw: Any, name: str) -> None:
    await way.io.call(raw.cmd_change_user, name, "secret", "other")
    assert way.adapter.notes(raw).database == "other"


def test_a_session_that_was_given_to_another_user_is_not_gone_on_with_as_the_first_one(
    connector: Way, server: Server
) -> None:
    async def scenario() -> None:
        raw, new = await connector.open(server.port), await connector.open(server.port)
        await change_user(connector, raw, "another")
        await connector.reset(raw)
        with pytest.raises(connector.adapter.errors.ProgrammingError, match="the session is 'another''s now"):
            await connector.adapter.copy_state(connector.io, raw, new, Deadline.after(10))
        await change_user(connector, raw, "app")
        await connector.adapter.copy_state(connector.io, raw, new, Deadline.after(10))
        assert connector.adapter.notes(new).database == "other"
        await connector.leave(raw, new)

    connector.play(scenario)


def test_a_session_that_was_given_to_another_user_is_of_no_use_to_the_next_one_in_a_pool(
    connector: Way, server: Server
) -> None:
    async def scenario() -> None:
        raw = await connector.open(server.port)
        await change_user(connector, raw, "app")
        snapshot = connector.adapter.snapshot(raw)
        await change_user(connector, raw, "app")
        await connector.adapter.restore(connector.io, raw, snapshot, Deadline.after(10))
        await change_user(connector, raw, "another")
        with pytest.raises(connector.adapter.errors.ProgrammingError):
            await connector.adapter.restore(connector.io, raw, snapshot, Deadline.after(10))
        await connector.leave(raw)

    connector.play(scenario)


def test_a_c_extension_that_does_not_tell_its_sockets_is_refused(
    c_extension: Way, sessions: MysqlSessions, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_library = pytest.importorskip("aws_advanced_python_wrapper.driver.mysql_connector.client_library")
    silent = client_library._library()._replace(socket_number=None)
    monkeypatch.setattr(client_library, "_library", lambda: silent)

    async def scenario() -> None:
        with pytest.raises(AwsWrapperError, match="use_pure=True"):
            await c_extension.open(server.port)
        eventually(lambda: sessions.farewells == 1)

    c_extension.play(scenario)


def test_a_connection_that_is_opened_again_in_another_database_is_in_that_one(blocking: Way, server: Server) -> None:
    async def scenario() -> None:
        raw = await blocking.open(server.port, database="app")
        await blocking.io.call(raw.connect, database="other")
        assert blocking.adapter.notes(raw).database == "other"
        await blocking.leave(raw)

    blocking.play(scenario)


async def wait_for_its_end(way: Way, raw: Any) -> None:
    with way.adapter.limited(way.io, raw, Deadline.after(0.05)):
        while not way.adapter.is_closed(raw):
            await way.io.sleep(0.01)


def test_a_limit_that_is_over_after_the_last_answer_is_told_as_the_connection_is_lost(way: Way, server: Server) -> None:
    async def scenario() -> None:
        raw = await way.open(server.port)
        with pytest.raises(QueryTimeoutError):
            await wait_for_its_end(way, raw)
        await way.leave(raw)

    way.play(scenario)
