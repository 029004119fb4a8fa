"""Each query that the driver sends by itself, to a server that lets it in and then falls silent, or nearly so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, QueryTimeoutError, release_resources
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from support.scripted_server import ScriptedServer, answer

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from support.flavours import Flavour

LIMIT = 0.3
ENDPOINT = "demo.cluster-c1x2y3z4abcd.us-east-2.rds.amazonaws.com"

# What is in a query -> the answer. The last of each kind of cluster is never given.
AURORA = {
    "rds.extensions": answer(("aurora_stat_utils", "f")),
    "aurora_db_instance_identifier": answer(("db-1", "f")),
    "aurora_replica_status": b"",
}
MULTI_AZ = {
    "rds.extensions": answer(("rds_tools", "t")),
    "SELECT source.id": answer(("db-RESOURCE",)),
    "LEFT JOIN": answer(("db-1", "f", f"db-1.{ENDPOINT.partition('.cluster-')[2]}", "5432")),
    "CROSS JOIN": b"",
}
TABLE = [(cluster, query) for cluster in (AURORA, MULTI_AZ) for query in cluster]


class Server:
    """Answers until the query comes at which it falls silent, or says no more than a byte now and then."""

    def __init__(self, answers: dict[str, bytes], fatal: str, *, trickling: bool) -> None:
        self.answers = answers
        self.fatal = fatal
        self.trickling = trickling
        self.heard: list[str] = []

    def behave(self, server: ScriptedServer, client: socket.socket, query: str) -> None:
        (kind,) = [part for part in self.answers if part in query]
        self.heard.append(kind)
        if kind != self.fatal:
            client.sendall(self.answers[kind])
        elif self.trickling:
            for byte in answer(("slow",) * 20):
                if server.ended.wait(LIMIT / 20):
                    return
                client.sendall(bytes([byte]))


@pytest.fixture(autouse=True)
def _unknown_cluster() -> Iterator[None]:
    release_resources()
    yield
    release_resources()


@pytest.mark.parametrize("trickling", [False, True], ids=["silent", "trickling"])
@pytest.mark.parametrize(("answers", "fatal"), TABLE, ids=[query for _, query in TABLE])
def test_connecting_ends_in_time(flavour: Flavour, answers: dict[str, bytes], fatal: str, trickling: bool) -> None:
    async def connect(conninfo: str) -> Any:
        settings: Any = {"plugins": "aurora_connection_tracker", "auxiliary_query_timeout_sec": LIMIT}
        if flavour.asynchronous:
            return await AsyncAwsWrapperConnection.connect(psycopg.AsyncConnection.connect, conninfo, **settings)
        return AwsWrapperConnection.connect(psycopg.Connection.connect, conninfo, **settings)

    async def scenario(conninfo: str) -> None:
        began = time.monotonic()
        with pytest.raises(QueryTimeoutError, match="did not answer the driver's own query in time"):
            await connect(conninfo)
        assert time.monotonic() - began >= LIMIT

    behaviour = Server(answers, fatal, trickling=trickling)
    with ScriptedServer(behaviour.behave) as server:
        address = psycopg.conninfo.conninfo_to_dict(server.conninfo)
        flavour.run(scenario(f"{server.conninfo} host={ENDPOINT} hostaddr={address['host']}"))
    assert behaviour.heard == list(answers)[: list(answers).index(fatal) + 1]
