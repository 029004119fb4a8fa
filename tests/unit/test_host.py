from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from aws_advanced_python_wrapper import hostinfo
from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole


@pytest.mark.parametrize(
    ("host", "address"),
    [("instance-1", "instance-1:5432"), ("10.0.0.1", "10.0.0.1:5432"), ("::1", "[::1]:5432")],
)
def test_the_address_has_one_form(host: str, address: str) -> None:
    assert HostInfo(host, 5432).address == address


def test_the_url_is_the_address_and_a_slash() -> None:
    assert HostInfo("instance-1", 5432).url == "instance-1:5432/"


def test_hosts_have_a_module_of_their_own_for_programs() -> None:
    assert (hostinfo.HostInfo, hostinfo.HostRole) == (HostInfo, HostRole)


def test_the_repr_tells_address_role_and_availability() -> None:
    host = HostInfo("instance-1", 5432, HostRole.WRITER, HostAvailability.AVAILABLE)
    assert repr(host) == "<HostInfo instance-1:5432 writer available>"


def test_a_host_is_a_value() -> None:
    assert HostInfo("a", 1) == HostInfo("a", 1)
    assert len({HostInfo("a", 1), HostInfo("a", 1), HostInfo("a", 2)}) == 2
    with pytest.raises(FrozenInstanceError):
        HostInfo("a", 1).port = 2  # type: ignore[misc]
