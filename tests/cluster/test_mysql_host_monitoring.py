"""The checks of MySQL servers: calls to silent ones end in time, calls to healthy ones are left alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError
from cluster.support import (
    Background,
    administrate,
    assert_on_true_writer,
    execute,
    login_role,
    process_of,
    value,
)

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver
    from cluster.support import Connect

pytestmark = pytest.mark.drivers("mysql")

QUICK: dict[str, Any] = {
    "plugins": "efm",
    "failure_detection_time_ms": 200,
    "failure_detection_interval_ms": 200,
    "failure_detection_count": 2,
    "monitor_disposal_time_ms": 0,
}
LONG = "SELECT SLEEP(2)"

ways = pytest.mark.parametrize("way", ["frozen server", "hanging network"])


def freeze(cluster: LocalCluster, way: str) -> None:
    if way == "hanging network":
        cluster.writer.proxy.blackhole()
    else:
        cluster.pause(cluster.writer)


# Silent hosts


@ways
@pytest.mark.parametrize("moment", ["about to begin", "under way"])
def test_a_call_ends_with_the_drivers_error(
    cluster: LocalCluster, connect: Connect, driver: Driver, way: str, moment: str
) -> None:
    connection = connect(cluster, **QUICK)
    if moment == "under way":
        call = Background(execute, connection, "SELECT SLEEP(100)")
        time.sleep(0.1)  # it is with the server
        freeze(cluster, way)
    else:
        freeze(cluster, way)
        call = Background(execute, connection, "SELECT 1")
    with pytest.raises(driver.module.Error):
        call.result()


def test_with_failover_the_program_goes_on_at_the_new_writer(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **{**QUICK, "plugins": "failover,efm"})
    freeze(cluster, "hanging network")
    failover = Background(cluster.failover)
    with pytest.raises(FailoverSuccessError):
        Background(execute, connection, "SELECT SLEEP(100)").result()
    failover.result()
    assert_on_true_writer(cluster, connection)


def test_without_any_sign_of_life_a_host_that_refuses_is_given_up(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connection = connect(cluster, **QUICK)
    cluster.writer.proxy.refuse()
    with pytest.raises(driver.module.Error):
        Background(execute, connection, "SELECT SLEEP(100)").result()


# Healthy hosts


@pytest.mark.parametrize("settings", [{}, {"monitoring-password": "wrong"}, {"monitoring-user": "nobody"}], ids=str)
def test_a_long_call_on_a_healthy_host_is_left_alone(
    cluster: LocalCluster, connect: Connect, settings: dict[str, str]
) -> None:
    assert value(connect(cluster, **QUICK, **settings), LONG) == 0


def test_a_long_call_over_an_unencrypted_connection_is_left_alone(
    cluster: LocalCluster, connect: Connect, driver: Driver
) -> None:
    connect(cluster, plugins="")  # the server knows the password from then on, without which not all drivers get in
    assert value(connect(cluster, **QUICK, **driver.no_tls), LONG) == 0


def test_a_user_who_has_reached_a_limit_of_connections_is_left_alone(cluster: LocalCluster, connect: Connect) -> None:
    with login_role(cluster, "limited", "pw") as role:
        connection = connect(cluster, user=role, password="pw", **QUICK)
        administrate(cluster, f"ALTER USER '{role}'@'%' WITH MAX_USER_CONNECTIONS 1")
        assert value(connection, LONG) == 0
        connection.close()


def test_a_server_that_ends_idle_sessions_soon_is_left_alone(cluster: LocalCluster, connect: Connect) -> None:
    """It ends sessions that say nothing for a second, the driver's own too."""
    administrate(cluster, "SET GLOBAL wait_timeout = 1")
    try:
        slow = {**QUICK, "failure_detection_interval_ms": 1500}
        assert value(connect(cluster, **slow), "SELECT SLEEP(5)") == 0
    finally:
        administrate(cluster, "SET GLOBAL wait_timeout = 28800")


@ways
def test_a_host_that_is_silent_for_a_moment_is_forgiven(cluster: LocalCluster, connect: Connect, way: str) -> None:
    connection = connect(cluster, **{**QUICK, "failure_detection_interval_ms": 1000, "failure_detection_count": 3})
    process, writer = process_of(connection), cluster.writer
    freeze(cluster, way)
    call = Background(process_of, connection)
    time.sleep(1.5)
    if way == "hanging network":
        writer.proxy.resume()
    else:
        cluster.resume(writer)
    assert call.result() == process


def test_slow_logins_are_no_silence(cluster: LocalCluster, connect: Connect) -> None:
    connection = connect(cluster, **QUICK)
    cluster.writer.proxy.delay(to_client=0.15)  # a login takes several round trips
    assert value(connection, LONG) == 0
