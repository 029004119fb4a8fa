"""What a psycopg program meets when the network in front of an instance has a fault."""

from __future__ import annotations

import gc
import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.local.proxy.proxy import Counters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local.cluster import LocalCluster
    from aws_advanced_python_wrapper.local.instance import Instance

Connection = psycopg.Connection[Any]
HANGS = 0.4


@pytest.fixture
def cluster(healthy_aurora_postgresql: LocalCluster) -> Iterator[LocalCluster]:
    yield healthy_aurora_postgresql
    for instance in healthy_aurora_postgresql.instances:
        instance.proxy.restore()
        instance.proxy.require_tls(False)


@pytest.fixture
def reader(cluster: LocalCluster) -> Instance:
    return cluster.readers[0]


@pytest.fixture
def connect(cluster: LocalCluster, reader: Instance) -> Iterator[Callable[..., Connection]]:
    """Connect to the reader; what is opened is closed after the faults are undone."""
    opened: list[Connection] = []

    def open_one(**extra: object) -> Connection:
        conninfo = cluster.conninfo(host=reader.host, **{"connect_timeout": 10, **extra})
        opened.append(psycopg.connect(conninfo, autocommit=True))
        return opened[-1]

    yield open_one
    reader.proxy.restore()
    for connection in opened:
        connection.close()


def one(connection: Connection) -> object:
    row = connection.execute("select 1").fetchone()
    return row and row[0]


class Asking(threading.Thread):
    """A query in a thread of its own: it may hang."""

    def __init__(self, ask: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.ask = ask
        self.answer: object = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.answer = self.ask()
        except psycopg.Error as error:
            self.error = error

    def hangs(self) -> bool:
        self.join(HANGS)
        return self.is_alive()

    def finish(self) -> Asking:
        self.join(15)
        assert not self.is_alive(), "the query still hangs"
        return self


def test_the_server_sees_the_instances_own_address(reader: Instance, connect: Callable[..., Connection]) -> None:
    row = connect().execute("select host(inet_server_addr())").fetchone()
    assert row == (reader.address,)


def test_a_refusing_instance_keeps_its_connections(reader: Instance, connect: Callable[..., Connection]) -> None:
    old = connect()
    reader.proxy.refuse()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect()
    assert one(old) == 1
    reader.proxy.accept()
    assert one(connect()) == 1


def test_a_reset_breaks_connections_at_once(reader: Instance, connect: Callable[..., Connection]) -> None:
    old = connect()
    asking = Asking(lambda: old.execute("select pg_sleep(30)"))
    assert asking.hangs()
    began = time.monotonic()
    reader.proxy.reset()
    assert isinstance(asking.finish().error, psycopg.OperationalError)
    assert time.monotonic() - began < 5
    assert one(connect()) == 1


def test_in_a_blackhole_everything_hangs_and_nothing_breaks(
    reader: Instance, connect: Callable[..., Connection]
) -> None:
    old = connect()
    reader.proxy.blackhole()
    asking = Asking(lambda: one(old))
    connecting = Asking(lambda: one(connect()))
    assert asking.hangs()
    assert connecting.hangs()
    with pytest.raises(psycopg.OperationalError):
        connect(connect_timeout=2)
    reader.proxy.resume()
    assert asking.finish().answer == 1
    assert connecting.finish().answer == 1


def test_a_delay_is_paid_by_every_round_trip(reader: Instance, connect: Callable[..., Connection]) -> None:
    connection = connect()
    reader.proxy.delay(to_server=0.1, to_client=0.1)
    began = time.monotonic()
    assert one(connection) == 1
    assert time.monotonic() - began >= 0.2


def test_a_throttled_instance_is_slow(reader: Instance, connect: Callable[..., Connection]) -> None:
    connection = connect()
    reader.proxy.throttle(100_000)
    began = time.monotonic()
    row = connection.execute("select repeat('x', 50000)").fetchone()
    assert row == ("x" * 50_000,)
    assert time.monotonic() - began >= 0.4


def test_a_connection_breaks_in_the_middle_of_a_result(reader: Instance, connect: Callable[..., Connection]) -> None:
    victim, other = connect(), connect()
    reader.proxy.reset_after(bytes_to_client=10_000)
    with pytest.raises(psycopg.OperationalError):
        victim.execute("select repeat('x', 1000000)")
    assert victim.broken
    assert one(other) == 1


def test_the_counters_count(reader: Instance, connect: Callable[..., Connection]) -> None:
    gc.collect()  # psycopg leaves a connection attempt that timed out to the garbage collector
    wait_for_connections(reader, 0)  # those of the tests before
    reader.proxy.reset_counters()
    assert reader.proxy.counters() == Counters()
    first, _second = connect(), connect()
    counters = reader.proxy.counters()
    assert (counters.current, counters.total, counters.peak, counters.connecting) == (2, 2, 2, 0)
    assert counters.peak_connecting >= 1
    first.close()
    wait_for_connections(reader, 1)


def wait_for_connections(instance: Instance, count: int) -> None:
    deadline = time.monotonic() + 5
    while (counters := instance.proxy.counters()).current != count:
        assert time.monotonic() < deadline, counters


def test_tls_is_verified_for_every_name_of_an_instance(cluster: LocalCluster) -> None:
    custom = cluster.custom_endpoint("reports", [cluster.readers[0]])
    hosts = [cluster.writer_endpoint, cluster.reader_endpoint, custom]
    hosts += [name for instance in cluster.instances for name in (instance.host, instance.address)]
    for host in hosts:
        conninfo = cluster.conninfo(host=host, sslmode="verify-full", sslrootcert=cluster.ca_file)
        with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
            assert connection.pgconn.ssl_in_use
            assert one(connection) == 1


@pytest.mark.parametrize("sslmode", ["disable", "verify-full"])
def test_a_query_is_cancelled_through_the_proxy(
    cluster: LocalCluster, connect: Callable[..., Connection], sslmode: str
) -> None:
    connection = connect(sslmode=sslmode, sslrootcert=cluster.ca_file)
    asking = Asking(lambda: connection.execute("select pg_sleep(30)"))
    assert asking.hangs()
    connection.cancel_safe()
    assert isinstance(asking.finish().error, psycopg.errors.QueryCanceled)


def test_plain_logins_can_be_forbidden(reader: Instance, connect: Callable[..., Connection]) -> None:
    assert one(connect(sslmode="disable")) == 1
    reader.proxy.require_tls(True)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(sslmode="disable")
    assert one(connect(sslmode="require")) == 1


def test_everything_listens_on_loopback_only(cluster: LocalCluster) -> None:
    for instance in cluster.instances:
        assert instance.address.startswith("127.")
        for port in (instance.port, instance.private_port):
            with socket.socket() as elsewhere:
                elsewhere.settimeout(5)
                assert elsewhere.connect_ex(("127.0.0.1", port)) != 0
