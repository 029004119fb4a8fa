"""TLS with MySQL's asyncio drivers: what is to be verified is, and only that."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import FailoverSuccessError
from aws_advanced_python_wrapper.aio import AsyncAwsWrapperConnection
from cluster.support import end_process, instance_of, process_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_advanced_python_wrapper.local import LocalCluster
    from cluster.drivers import Driver

pytestmark = pytest.mark.drivers("mysql")


def verifying(driver: Driver, authorities: str | None) -> Mapping[str, Any]:
    if driver.name == "aiomysql":
        return {"ssl": ssl.create_default_context(cafile=authorities)}
    given = {} if authorities is None else {"ssl_ca": authorities}
    return {**given, "ssl_verify_cert": True, "ssl_verify_identity": True}


def encrypted(cluster: LocalCluster, driver: Driver, host: str, authorities: str | None) -> bool:
    async def play() -> bool:
        connection = await AsyncAwsWrapperConnection.connect(
            driver.connect, cluster.conninfo(host), plugins="", **verifying(driver, authorities)
        )
        async with connection, connection.cursor() as cursor:
            await cursor.execute("SELECT 1")
            await cursor.fetchall()
            return driver.is_encrypted(connection.target_connection)

    return asyncio.run(play())


def test_a_host_is_verified_by_name_and_authority(cluster: LocalCluster, driver: Driver) -> None:
    assert encrypted(cluster, driver, cluster.writer.host, str(cluster.ca_file))


def test_a_host_by_another_name_is_refused(cluster: LocalCluster, driver: Driver) -> None:
    # The certificate is for the address as well, in its usual form.
    number = str(int(ipaddress.ip_address(socket.gethostbyname(cluster.writer.host))))
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of what class, the driver decides
        encrypted(cluster, driver, number, str(cluster.ca_file))
    assert isinstance(raised.value.__cause__ or raised.value, ssl.SSLCertVerificationError)


def test_a_host_that_an_unknown_authority_vouches_for_is_refused(cluster: LocalCluster, driver: Driver) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        encrypted(cluster, driver, cluster.writer.host, None)
    assert isinstance(raised.value.__cause__ or raised.value, ssl.SSLCertVerificationError)


@pytest.mark.drivers("aiomysql")
def test_aiomysqls_own_choice_of_authorities_is_that_of_a_failover_too(
    cluster: LocalCluster, driver: Driver, connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(cluster.ca_file))
    connection = connect(cluster, plugins="failover", ssl=True)
    end_process(cluster, connection._session.host.host, process_of(connection))
    with pytest.raises(FailoverSuccessError):
        instance_of(connection)
    assert instance_of(connection) == cluster.writer.name
    assert driver.is_encrypted(connection.target_connection)
