"""What becomes of tokens in the hands of each driver, at real servers."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from cluster.drivers import every_driver
from cluster.engines import POSTGRESQL
from cluster.relay import Relay
from cluster.support import Background, at_server, execute, value
from support.waiting import eventually

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = every_driver

TLS_IN_GREETING = 0x08  # in the second byte of a MySQL server's capabilities


class Downgrade(Relay):
    """Makes programs believe that a server has no TLS, and notes what they say."""

    heard = b""
    has_deceived = False

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        is_answer = sink is self._to_client
        while data := await source.read(65536):
            told = without_tls(data) if is_answer else data
            self.has_deceived |= told != data
            self.heard += b"" if is_answer else data
            sink.write(told)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self._to_client = to_client
        await super()._serve(client, to_client)


def without_tls(answer: bytes) -> bytes:
    """Return what a server says to begin with, without its offer of TLS."""
    if answer == b"S":
        return b"N"
    if answer[4:5] != b"\x0a":
        return answer
    at = answer.index(b"\0", 5) + 1 + 4 + 8 + 1 + 1
    return answer[:at] + bytes([answer[at] & ~TLS_IN_GREETING]) + answer[at + 1 :]


@pytest.fixture
def in_the_middle(iam_cluster: LocalCluster) -> Iterator[Downgrade]:
    with ExitStack() as relays:
        yield relays.enter_context(Downgrade(iam_cluster.writer, "127.77.1.1"))


def signing_in(cluster: LocalCluster, driver: Driver, **more: Any) -> dict[str, Any]:
    """Return the arguments for the user of IAM; without a certificate to check, unless the driver wants one."""
    tls = driver.verified_tls(cluster.ca_file) if driver.name == "aiomysql" else {}
    return {"plugins": "iam", "user": cluster.iam_user, **tls, **more}


def test_who_takes_tls_away_hears_no_token(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver, in_the_middle: Downgrade
) -> None:
    given = signing_in(iam_cluster, driver, iam_host=iam_cluster.writer.host, iam_default_port=iam_cluster.port)
    with pytest.raises(driver.module.Error, match="SSL"):
        connect(iam_cluster, in_the_middle.address, **given)
    assert in_the_middle.has_deceived
    assert b"Action=connect" not in in_the_middle.heard


def test_a_token_is_told_over_tls_though_nobody_asks_for_it(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(iam_cluster, **signing_in(iam_cluster, driver))
    assert str(value(connection, "SELECT CURRENT_USER")).partition("@")[0] == iam_cluster.iam_user


def test_probes_sign_in(iam_cluster: LocalCluster, connect: Connect, driver: Driver) -> None:
    quick = {"failure_detection_time_ms": 50, "failure_detection_interval_ms": 50, "monitor_disposal_time_ms": 0}
    connection = connect(iam_cluster, **signing_in(iam_cluster, driver, **{"plugins": "iam,efm", **quick}))
    call = Background(execute, connection, driver.engine.sleep.format(2))

    is_postgresql = driver.engine is POSTGRESQL
    table = "pg_stat_activity WHERE usename" if is_postgresql else "information_schema.processlist WHERE user"

    def sessions() -> int:
        query = f"SELECT count(*) FROM {table} = '{iam_cluster.iam_user}'"
        return int(at_server(iam_cluster, iam_cluster.writer.name, query))

    eventually(lambda: sessions() == 2)
    call.result()


@pytest.mark.drivers("mysql")
def test_a_connection_that_is_opened_again_signs_in_again(
    iam_cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection, other = (connect(iam_cluster, **signing_in(iam_cluster, driver)) for _ in range(2))
    before = value(connection, "SELECT CONNECTION_ID()")
    execute(other, f"KILL {before}")
    open_again: Any = connection.ping if driver.name == "aiomysql" else connection.reconnect
    open_again()
    assert value(connection, "SELECT CONNECTION_ID()") != before
