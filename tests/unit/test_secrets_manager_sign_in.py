from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from aws_advanced_python_wrapper.aws_credentials_manager import AwsCredentialsManager
from aws_advanced_python_wrapper.sign_in import attempts, secrets_manager
from aws_advanced_python_wrapper.testing import FakeCluster, aconnect, connect
from support.secrets import GET, PLUGIN, opened, secret
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    network.passwords = {"first"}
    return FakeCluster(network)


def test_a_connection_is_opened_with_user_and_password_of_the_secret(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())

    flavour.run(opened(flavour, network, cluster.writer_endpoint, name, user="nobody", password="wrong"))

    arguments = network.opened[-1].arguments
    assert (arguments["user"], arguments["password"]) == ("bob", "first")


@pytest.mark.parametrize("suffix", ["_key", ""])
def test_a_secret_may_call_them_otherwise(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, suffix: str
) -> None:
    name = aws.put_secret({"who": "jane", "what": "first"})
    keys = {f"secrets_manager_secret_username{suffix}": "who", f"secrets_manager_secret_password{suffix}": "what"}

    flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **keys))

    assert network.opened[-1].arguments["user"] == "jane"


def test_what_the_program_does_not_say_the_secret_says(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret(host=cluster.writer_endpoint, port="6000", dbname="shop", engine="postgres"))

    flavour.run(opened(flavour, network, None, name))

    arguments = network.opened[-1].arguments
    assert (arguments["host"], arguments["port"], arguments["dbname"]) == (cluster.writer_endpoint, 6000, "shop")


def test_what_the_program_says_counts(flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    name = aws.put_secret(secret(host="elsewhere.example.com", port=6000, dbname="shop"))

    flavour.run(opened(flavour, network, cluster.reader_endpoint, name, port=7000, dbname="mine"))

    arguments = network.opened[-1].arguments
    assert (arguments["host"], arguments["port"], arguments["dbname"]) == (cluster.reader_endpoint, 7000, "mine")


def test_the_port_of_a_secret_is_that_of_its_own_host(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret(host="elsewhere.example.com", port=6000, dbname="shop"))

    flavour.run(opened(flavour, network, cluster.writer_endpoint, name))

    arguments = network.opened[-1].arguments
    assert (arguments["host"], arguments["port"], arguments["dbname"]) == (cluster.writer_endpoint, 5432, "shop")


def test_a_secret_is_fetched_once_for_all(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())

    async def scenario() -> None:
        attempts = [opened(flavour, network, cluster.writer_endpoint, name) for _ in range(20)]
        assert not [error for error in await flavour.together(*attempts) if isinstance(error, BaseException)]
        await opened(flavour, network, cluster.reader_endpoint, name)

    flavour.run(scenario())
    assert aws.gate.calls() == {GET: 1}


def test_an_event_loop_goes_on_while_a_secret_is_fetched(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    name = aws.put_secret(secret())
    aws.faults.slow(60)

    async def scenario() -> None:
        parameters: dict[str, Any] = {"secrets_manager_secret_id": name}
        opening = asyncio.ensure_future(aconnect(network, cluster.writer_endpoint, PLUGIN, **parameters))
        await asyncio.to_thread(eventually, aws.gate.calls)
        assert not opening.done()
        aws.faults.restore()
        await opening

    asyncio.run(scenario())


def test_one_that_has_expired_is_used_while_it_is_fetched_anew(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets_manager, "_SOONEST", 0)
    name = aws.put_secret(secret())

    async def scenario() -> None:
        first = await opened(flavour, network, cluster.writer_endpoint, name, secrets_manager_expiration=0)
        aws.put_secret(secret("second"), name=name)
        network.passwords = {"first", "second"}
        while network.opened[-1].arguments["password"] == "first":  # served at once, each time
            await opened(flavour, network, cluster.writer_endpoint, name, secrets_manager_expiration=0)
        del first

    flavour.run(scenario())
    assert network.opened[-1].arguments["password"] == "second"


def test_one_that_has_expired_serves_while_aws_is_down(
    flavour: Flavour,
    network: FakeNetwork,
    cluster: FakeCluster,
    aws: Aws,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secrets_manager, "_SOONEST", 0)
    name = aws.put_secret(secret())

    async def scenario() -> Any:
        keeps_it_in_use = await opened(flavour, network, cluster.writer_endpoint, name, secrets_manager_expiration=0)
        aws.api.stop()
        await opened(flavour, network, cluster.writer_endpoint, name, secrets_manager_expiration=0)
        return keeps_it_in_use

    kept = flavour.run(scenario())
    eventually(lambda: "goes on being used" in caplog.text)
    del kept
    assert "first" not in caplog.text


@pytest.mark.parametrize("expiration", [0, 9])
def test_a_secret_is_not_fetched_anew_before_ten_seconds_have_passed(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws, expiration: int
) -> None:
    name = aws.put_secret(secret())
    given: dict[str, Any] = {"secrets_manager_secret_id": name, "secrets_manager_expiration": expiration}
    connection = connect(network, cluster.writer_endpoint, PLUGIN, **given)
    (value,) = secrets_manager._CURRENT._values.values()
    assert value.due_in > 8
    del connection


def test_a_negative_expiration_is_a_year(network: FakeNetwork, cluster: FakeCluster, aws: Aws) -> None:
    name = aws.put_secret(secret())
    given: dict[str, Any] = {"secrets_manager_secret_id": name, "secrets_manager_expiration": -1}
    connect(network, cluster.writer_endpoint, PLUGIN, **given)
    connect(network, cluster.writer_endpoint, PLUGIN, **given)
    assert aws.gate.calls() == {GET: 1}


def test_secrets_are_read_with_the_credentials_of_a_handler(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = aws.put_secret(secret())
    key = aws.environment
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    session = boto3.Session(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"], region_name="us-east-2")
    hosts: list[tuple[str, int]] = []

    def handler(host: Any, properties: Any) -> boto3.Session:
        hosts.append((host.host, host.port))
        assert properties["secrets_manager_secret_id"] == name
        return session

    AwsCredentialsManager.set_custom_handler(handler)

    flavour.run(opened(flavour, network, cluster.writer_endpoint, name))

    assert network.opened[-1].arguments["password"] == "first"
    assert hosts == [(cluster.writer_endpoint, 5432)]


def test_a_handler_is_given_a_host_without_a_name_where_the_secret_is_to_tell_it(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret(host=cluster.writer_endpoint))
    hosts: list[str] = []
    AwsCredentialsManager.set_custom_handler(lambda host, _properties: hosts.append(host.host))

    flavour.run(opened(flavour, network, None, name))

    assert hosts == [""]


def test_keys_that_were_replaced_in_the_configuration_are_found(
    network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE", 0.0)
    given: dict[str, Any] = {"secrets_manager_secret_id": aws.put_secret(secret()), "aws_profile": "base"}
    name = given["secrets_manager_secret_id"]
    aws.write_profiles(base={"aws_access_key_id": aws.key.access_key_id, "aws_secret_access_key": aws.key.secret_key})
    connect(network, cluster.writer_endpoint, PLUGIN, **given)
    aws.put_secret(secret("second"), name=name)
    network.passwords = {"second"}
    aws.keys.revoke(aws.key.access_key_id)
    aws.keys.add("AKIANEW", "new secret", None, 2e9)
    aws.write_profiles(base={"aws_access_key_id": "AKIANEW", "aws_secret_access_key": "new secret"})

    connect(network, cluster.writer_endpoint, PLUGIN, **given)

    assert network.opened[-1].arguments["password"] == "second"
