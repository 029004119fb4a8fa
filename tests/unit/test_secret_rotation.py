from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.cluster.host import HostInfo
from aws_advanced_python_wrapper.sign_in import secrets_manager
from aws_advanced_python_wrapper.testing import FakeCluster, LoginError
from support.secrets import COMPLETE, GET, opened, secret
from support.waiting import eventually

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour


@pytest.fixture
def cluster(network: FakeNetwork) -> FakeCluster:
    network.passwords = {"first"}
    return FakeCluster(network)


def test_a_password_that_was_rotated_is_fetched_anew(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())
    flavour.run(opened(flavour, network, cluster.writer_endpoint, name))
    aws.put_secret(secret("second"), name=name)
    network.passwords = {"second"}

    flavour.run(opened(flavour, network, cluster.writer_endpoint, name))

    assert network.opened[-1].arguments["password"] == "second"
    assert aws.gate.calls() == {GET: 1}


@pytest.mark.parametrize("is_at_hand", [True, False])
def test_while_it_is_rotated_the_pending_version_is_tried(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, is_at_hand: bool
) -> None:
    name = aws.put_secret(secret())
    if is_at_hand:
        flavour.run(opened(flavour, network, cluster.writer_endpoint, name))
    aws.put_secret(secret("second"), name=name, stages=("AWSPENDING",))
    network.passwords = {"second"}

    flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))

    assert network.opened[-1].arguments["password"] == "second"
    assert aws.gate.calls() == {GET: 2}


@pytest.mark.parametrize("is_warm", [True, False])
def test_while_a_rotation_is_stuck_only_the_first_connection_tries_versions(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, is_warm: bool
) -> None:
    name = aws.put_secret(secret())
    if is_warm:
        flavour.run(opened(flavour, network, cluster.writer_endpoint, name))
    aws.put_secret(secret("second"), name=name, stages=("AWSPENDING",))
    network.passwords = {"second"}
    flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))
    calls, logins = aws.gate.calls(), len(network.attempts)

    for _ in range(5):
        flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))

    assert aws.gate.calls() == calls
    assert len(network.attempts) == logins + 5


def test_a_rotation_that_was_taken_back_costs_one_refusal(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())
    aws.put_secret(secret("second"), name=name, stages=("AWSPENDING",))
    network.passwords = {"second"}
    flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))
    network.passwords = {"first"}
    logins = len(network.attempts)

    for _ in range(2):
        flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))

    assert len(network.attempts) == logins + 3


def test_a_rotation_that_was_stuck_and_goes_on_to_another_password_is_followed(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())
    aws.put_secret(secret("second"), name=name, stages=("AWSPENDING",))
    network.passwords = {"second"}
    flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))
    aws.put_secret(secret("third"), name=name)
    network.passwords = {"third"}

    for _ in range(2):
        flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))

    # The one that was remembered, the one that was current, and the new one; then that at once.
    tried = [attempt.arguments["password"] for attempt in network.opened]
    assert tried == ["second", "third", "third"]


def test_a_server_that_has_not_heard_of_the_new_password_is_told_the_one_before(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())
    aws.put_secret(secret("second"), name=name)

    flavour.run(opened(flavour, network, cluster.writer_endpoint, name))

    assert network.opened[-1].arguments["password"] == "first"


def test_many_connections_live_through_a_rotation(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())

    async def scenario() -> None:
        await opened(flavour, network, cluster.writer_endpoint, name)
        aws.put_secret(secret("second"), name=name, stages=("AWSPENDING",))
        for passwords in ({"second"}, {"second"}):
            network.passwords = passwords
            attempts = [opened(flavour, network, cluster.writer_endpoint, name) for _ in range(10)]
            assert not [error for error in await flavour.together(*attempts) if isinstance(error, BaseException)]
            aws.put_secret(secret("second"), name=name)

    flavour.run(scenario())


def test_where_no_version_is_accepted_the_servers_own_error_is_raised(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret("old"))
    aws.put_secret(secret("new"), name=name)
    aws.put_secret(secret("newer"), name=name, stages=("AWSPENDING",))

    with pytest.raises(LoginError, match="password authentication failed") as raised:
        flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))

    assert type(raised.value) is LoginError
    assert len(network.attempts) == 3
    assert aws.gate.calls() == {GET: 3}


def test_a_program_that_is_refused_again_and_again_does_not_ask_aws_each_time(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = aws.put_secret(secret("wrong"))
    for _ in range(3):
        with pytest.raises(LoginError):
            flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))
    assert aws.gate.calls() == {GET: 3}  # each version once

    monkeypatch.setattr(secrets_manager, "_PATIENCE", 0.0)
    aws.put_secret(secret("first"), name=name)
    flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))
    assert network.opened[-1].arguments["password"] == "first"


def test_what_servers_have_made_of_a_secret_is_forgotten_with_it(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret("wrong"))
    with pytest.raises(LoginError):
        flavour.run(opened(flavour, network, cluster.writer_endpoint, name, **COMPLETE))
    assert secrets_manager._EXPERIENCES

    release_resources()

    eventually(lambda: gc.collect() >= 0 and not secrets_manager._EXPERIENCES)


def test_a_host_that_accepts_no_version_is_noted_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    experience, hosts = secrets_manager._Experience(), [HostInfo(f"db-{number}", 5432) for number in range(3)]
    for host in hosts:
        experience.note_in_vain(host)
    assert all(experience.was_in_vain(host) for host in hosts)

    monkeypatch.setattr(secrets_manager, "_PATIENCE", 0.0)
    experience.note_in_vain(hosts[0])

    assert not experience.was_in_vain(hosts[0])
    assert len(experience._in_vain) == 1


def test_a_password_that_is_refused_while_aws_is_down_is_told_with_both_reasons(
    flavour: Flavour, network: FakeNetwork, cluster: FakeCluster, aws: Aws
) -> None:
    name = aws.put_secret(secret())
    flavour.run(opened(flavour, network, cluster.writer_endpoint, name))
    network.passwords = {"second"}
    aws.api.stop()

    with pytest.raises(LoginError, match="password authentication failed") as raised:
        flavour.run(opened(flavour, network, cluster.writer_endpoint, name))

    assert "cannot be reached" in str(raised.value.__cause__)
