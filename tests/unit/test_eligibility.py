from __future__ import annotations

from typing import Any

import pytest

from aws_advanced_python_wrapper.cluster.eligibility import Backoff, Retries, available, near, within_lag
from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.topology import Topology, mark_unavailable


def host(name: str, **values: Any) -> HostInfo:
    return HostInfo(name, 5432, HostRole.READER, host_id=f"id-{name}", **values)


def down(name: str, since: float = 0.0) -> HostInfo:
    return host(name, availability=HostAvailability.UNAVAILABLE, unavailable_since=since)


def names(hosts: Any) -> str:
    return "".join(host.host for host in hosts)


@pytest.mark.parametrize(
    ("hosts", "due", "wanted"),
    [
        ([host("a"), down("b")], "", "a"),
        ([host("a"), down("b")], "b", "ab"),
        ([down("a"), down("b")], "b", "b"),
        ([down("a"), down("b")], "", "ab"),
        ([], "", ""),
    ],
)
def test_hosts_that_can_be_reached_come_first(hosts: list[HostInfo], due: str, wanted: str) -> None:
    assert names(available(hosts, lambda host: host.host in due)) == wanted


@pytest.mark.parametrize(
    ("lags", "most", "wanted"),
    [
        ({"a": 10.0, "b": 500.0, "c": None}, 100, "ac"),
        ({"a": 100.0, "b": 100.5}, 100, "a"),
        ({"a": 500.0, "b": 400.0}, 100, ""),
        ({"a": 1e9, "b": None}, None, "ab"),
        ({"a": 0.0, "b": 1.0}, 0, "a"),
    ],
)
def test_hosts_too_far_behind_the_writer_are_left_out(
    lags: dict[str, float | None], most: float | None, wanted: str
) -> None:
    assert names(within_lag([host(name, lag_ms=lag) for name, lag in lags.items()], most)) == wanted


ZONES = {"id-a": "us-east-2a", "b:5432": "us-east-2b", "C": "US-EAST-2A", "gone": "us-east-2c"}


@pytest.mark.parametrize(
    ("zone", "hosts", "wanted"),
    [
        (None, "abcd", "abcd"),
        ("us-east-2a", "abcd", "ac"),
        ("US-East-2B", "abcd", "b"),
        ("us-east-2a", "bd", "bd"),  # nobody is near
        ("us-east-2c", "abcd", "abcd"),
    ],
)
def test_hosts_of_the_same_zone_come_first(zone: str | None, hosts: str, wanted: str) -> None:
    assert names(near([host(name) for name in hosts], zone, ZONES)) == wanted


BACKOFF = Backoff(initial=30, retries=3)


@pytest.mark.parametrize(
    ("tries", "last", "now", "due"),
    [
        (0, 100, 129.9, False),
        (0, 100, 130, True),
        (1, 130, 189, False),
        (1, 130, 190, True),
        (2, 190, 309, False),
        (2, 190, 310, True),
        (3, 310, 1e9, False),  # no more
    ],
)
def test_the_time_until_the_next_try_doubles(tries: int, last: float, now: float, due: bool) -> None:
    assert BACKOFF.is_due(tries, last, now) is due


def played(steps: str) -> str:
    """Play steps at times and return the times at which the host was due: lost@t, answers@t, ?@t (tried if due)."""
    topology, retries, due = Topology((host("a"),)), Retries(), []
    for step in steps.split():
        what, _, at = step.partition("@")
        now = float(at)
        if what == "lost":
            topology = mark_unavailable(topology, "a:5432", now)
        elif what == "answers":
            topology = Topology((host("a"),))
            retries.note(topology.hosts[0], now)
        elif retries.is_due(topology.hosts[0], BACKOFF, now):
            retries.note(topology.hosts[0], now)
            due.append(at)
    return " ".join(due)


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ("lost@0 ?@29 ?@30 ?@31 ?@89 ?@90 ?@209 ?@210 ?@9999", "30 90 210"),
        ("lost@0 ?@30 lost@31 ?@89 ?@90", "30 90"),  # it fails again: it has been lost since 0
        ("lost@0 ?@30 answers@31 lost@50 ?@79 ?@80 ?@139 ?@140", "30 80 140"),
        ("lost@0 ?@1000 ?@1001 ?@1059 ?@1060", "1000 1060"),  # tries that nobody took are not made up for
    ],
)
def test_a_lost_host_is_tried_now_and_then(steps: str, wanted: str) -> None:
    assert played(steps) == wanted


def test_a_host_that_is_lost_anew_unnoticed_has_all_its_tries_again() -> None:
    retries = Retries()
    for now in (30, 90, 210):
        assert retries.is_due(down("a", 0), BACKOFF, now)
        retries.note(down("a", 0), now)
    assert not retries.is_due(down("a", 0), BACKOFF, 9999)
    assert not retries.is_due(down("a", 9980), BACKOFF, 9999)
    assert retries.is_due(down("a", 9980), BACKOFF, 10010)
