"""What a program meets when the network in front of an instance has a fault."""

from __future__ import annotations

import gc
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.local.proxy.proxy import Counters
from cluster.drivers import every_driver
from cluster.engines import POSTGRESQL
from cluster.support import execute, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local.cluster import LocalCluster
    from aws_advanced_python_wrapper.local.instance import Instance
    from cluster.drivers import Driver

HANGS = 0.4
pytestmark = every_driver


@pytest.fixture
def cluster(cluster: LocalCluster) -> Iterator[LocalCluster]:
    yield cluster
    for instance in cluster.instances:
        instance.proxy.restore()
        instance.proxy.require_tls(False)


@pytest.fixture
def reader(cluster: LocalCluster) -> Instance:
    return cluster.readers[0]


@pytest.fixture
def connect(driver: Driver, cluster: LocalCluster, reader: Instance) -> Iterator[Callable[..., Any]]:
    """Connect to the reader with the driver alone; what is opened is closed after the faults are undone."""
    opened: list[Any] = []

    def open_one(timeout: int = 10, **extra: Any) -> Any:
        limit = {"connect_timeout" if driver.engine is POSTGRESQL else "connection_timeout": timeout}
        parameters = {"host": reader.host, "autocommit": True, **limit, **driver.arguments, **extra}
        opened.append(driver.connect(**cluster.parameters(**parameters)))
        return opened[-1]

    yield open_one
    reader.proxy.restore()
    for connection in opened:
        connection.close()


def one(connection: Any) -> object:
    return value(connection, "SELECT 1")


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
        except Exception as error:  # noqa: BLE001  # whatever it is, the test looks at it
            self.error = error

    def hangs(self) -> bool:
        self.join(HANGS)
        return self.is_alive()

    def finish(self) -> Asking:
        self.join(15)
        assert not self.is_alive(), "the query still hangs"
        return self


@pytest.mark.drivers("postgresql")
def test_the_server_sees_the_instances_own_address(reader: Instance, connect: Callable[..., Any]) -> None:
    assert value(connect(), "SELECT host(inet_server_addr())") == reader.address


def test_a_refusing_instance_keeps_its_connections(
    driver: Driver, reader: Instance, connect: Callable[..., Any]
) -> None:
    old = connect()
    reader.proxy.refuse()
    with pytest.raises(driver.module.Error, match=r"refused|^2003"):
        connect()
    assert one(old) == 1
    reader.proxy.accept()
    assert one(connect()) == 1


def test_a_reset_breaks_connections_at_once(driver: Driver, reader: Instance, connect: Callable[..., Any]) -> None:
    old = connect()
    asking = Asking(lambda: execute(old, driver.engine.sleep.format(30)))
    assert asking.hangs()
    reader.proxy.reset()
    assert isinstance(asking.finish().error, driver.module.Error)
    assert one(connect()) == 1


def test_in_a_blackhole_everything_hangs_and_nothing_breaks(
    driver: Driver, reader: Instance, connect: Callable[..., Any]
) -> None:
    old = connect()
    reader.proxy.blackhole()
    asking = Asking(lambda: one(old))
    connecting = Asking(lambda: one(connect()))
    assert asking.hangs()
    assert connecting.hangs()
    with pytest.raises(driver.module.Error):
        connect(timeout=2)
    reader.proxy.resume()
    assert asking.finish().answer == 1
    assert connecting.finish().answer == 1


def test_a_delay_is_paid_by_every_round_trip(reader: Instance, connect: Callable[..., Any]) -> None:
    connection = connect()
    reader.proxy.delay(to_server=0.1, to_client=0.1)
    began = time.monotonic()
    assert one(connection) == 1
    assert time.monotonic() - began >= 0.2


def test_a_throttled_instance_is_slow(reader: Instance, connect: Callable[..., Any]) -> None:
    connection = connect()
    reader.proxy.throttle(100_000)
    began = time.monotonic()
    assert value(connection, "SELECT repeat('x', 50000)") == "x" * 50_000
    assert time.monotonic() - began >= 0.4


def test_a_connection_breaks_in_the_middle_of_a_result(
    driver: Driver, reader: Instance, connect: Callable[..., Any]
) -> None:
    victim, other = connect(), connect()
    reader.proxy.reset_after(bytes_to_client=10_000)
    with pytest.raises(driver.module.Error):
        execute(victim, "SELECT repeat('x', 1000000)")
    assert one(other) == 1


def test_the_counters_count(reader: Instance, connect: Callable[..., Any]) -> None:
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


def test_tls_is_verified_for_every_name_of_an_instance(
    cluster: LocalCluster, connect: Callable[..., Any], driver: Driver
) -> None:
    custom = cluster.custom_endpoint("reports", [cluster.readers[0]])
    hosts = [cluster.writer_endpoint, cluster.reader_endpoint, custom]
    hosts += [name for instance in cluster.instances for name in (instance.host, instance.address)]
    for host in hosts:
        connection = connect(host=host, **driver.verified_tls(cluster.ca_file))
        assert driver.is_encrypted(connection)
        assert one(connection) == 1


@pytest.mark.drivers("postgresql")
@pytest.mark.parametrize("sslmode", ["disable", "verify-full"])
def test_a_query_is_cancelled_through_the_proxy(
    cluster: LocalCluster, connect: Callable[..., Any], sslmode: str
) -> None:
    connection = connect(sslmode=sslmode, sslrootcert=cluster.ca_file)
    asking = Asking(lambda: connection.execute("SELECT pg_sleep(30)"))
    assert asking.hangs()
    connection.cancel_safe()
    assert isinstance(asking.finish().error, psycopg.errors.QueryCanceled)


@pytest.mark.drivers("postgresql", "mysql-c")  # old versions of pure Python insist on TLS
def test_a_user_that_the_server_has_seen_may_log_in_without_tls(driver: Driver, connect: Callable[..., Any]) -> None:
    assert driver.is_encrypted(connect())
    plain = connect(**driver.no_tls)
    assert not driver.is_encrypted(plain)
    assert one(plain) == 1


def test_plain_logins_can_be_forbidden(driver: Driver, reader: Instance, connect: Callable[..., Any]) -> None:
    reader.proxy.require_tls(True)
    with pytest.raises(driver.module.Error, match=r"no encryption|insecure transport"):
        connect(**driver.no_tls)
    assert driver.is_encrypted(connect())


def test_everything_listens_on_loopback_only(cluster: LocalCluster) -> None:
    for instance in cluster.instances:
        assert instance.address.startswith("127.")
        for port in (instance.port, instance.private_port):
            with socket.socket() as elsewhere:
                elsewhere.settimeout(5)
                assert elsewhere.connect_ex(("127.0.0.1", port)) != 0
