from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass

import pytest

from aws_advanced_python_wrapper.cluster.host import HostAvailability, HostInfo, HostRole
from aws_advanced_python_wrapper.cluster.topology import (
    Observation,
    Row,
    Topology,
    mark_unavailable,
    next_topology,
)

ROLES = {"w": HostRole.WRITER, "r": HostRole.READER, "?": HostRole.UNKNOWN}


def row(text: str) -> Row:
    """``a`` is a reader's line, ``a*`` a writer's, ``a*@5`` one updated at 5."""
    name, _, updated_at = text.partition("@")
    host_id = name.removesuffix("*")
    return Row(host_id, host_id, 5432, name.endswith("*"), 1.0, float(updated_at) if updated_at else None)


def said(text: str) -> Observation:
    """``10 a w: a* b``: at 10, host a says that it is the writer, and its table names a (writer) and b."""
    head, _, table = text.partition(":")
    at, host_id, role = head.split()
    return Observation(f"{host_id}:5432", host_id, ROLES[role], tuple(map(row, table.split())), float(at))


def after(*sayings: str) -> Topology:
    topology: Topology | None = None
    for saying in sayings:
        topology = next_topology(topology, said(saying))
    assert topology is not None
    return topology


@dataclass(frozen=True)
class Case:
    name: str
    sayings: tuple[str, ...]
    members: str
    writer: str | None
    verified_at: float | None


SCENARIOS = [
    Case("a writer's word and table", ("10 a w: a* b c",), "a b c", "a", 10),
    Case("a reader's table alone", ("10 b r: a* b c",), "a b c", "a", None),
    Case("the writer says it again", ("10 a w: a* b", "20 a w: a* b"), "a b", "a", 20),
    Case("a failover told by the new writer", ("10 a w: a* b", "20 b w: a b*"), "a b", "b", 20),
    Case("the new writer's table is late", ("10 a w: a* b", "20 b w: a* b"), "a b", "b", 20),
    Case(
        "a reader's old table changes nothing about a verified writer",
        ("10 a w: a* b c", "20 b w: a* b c", "30 c r: a* b c"),
        "a b c", "b", 20,
    ),
    Case("the former writer names nobody", ("10 a w: a* b", "20 a r: a b"), "a b", None, None),
    Case("the former writer's table is late", ("10 a w: a* b", "20 a r: a* b"), "a b", None, None),
    Case("the former writer names the new one", ("10 a w: a* b", "20 a r: a b*"), "a b", "b", None),
    Case(
        "the named writer confirms",
        ("10 a w: a* b", "20 a r: a b*", "21 b w: a b*"), "a b", "b", 21,
    ),
    Case(
        "the named writer denies",
        ("10 a w: a* b", "20 a r: a b*", "21 b r: a b*"), "a b", None, None,
    ),
    Case(
        "a late table makes no writer of a host that said it is a reader",
        ("10 a w: a* b c", "20 a r: a b c", "21 b r: a* b c"), "a b c", None, None,
    ),
    Case(
        "a table may name a host that did not speak yet while there is no writer",
        ("10 a w: a* b c", "20 a r: a b c", "21 b r: a b c*"), "a b c", "c", None,
    ),
    Case("several writers, the newest line counts", ("10 c r: a*@5 b*@9 c",), "a b c", "b", None),
    Case("several writers, one without a time", ("10 c r: a*@5 b* c",), "a b c", "a", None),
    Case("several writers in the writer's table", ("10 a w: a*@5 b*@9",), "a b", "a", 10),
    Case("no writer at all", ("10 b r: a b",), "a b", None, None),
    Case("no writer in the table, one known", ("10 b r: a* b", "20 b r: a b"), "a b", "a", None),
    Case("an unverified writer gives way to news", ("10 b r: a* b c", "20 b r: a b c*"), "a b c", "c", None),
    Case("an unverified writer that left", ("10 b r: a* b", "20 b r: b c"), "b c", None, None),
    Case("a reader that names itself", ("10 b r: a b*",), "a b", None, None),
    Case("an unreadable table", ("10 a w: a* b", "20 b w:"), "a b", "b", 20),
    Case("an unreadable table of a reader", ("10 a w: a* b", "20 b r:"), "a b", "a", 10),
    Case("an unreadable table of the former writer", ("10 a w: a* b", "20 a r:"), "a b", None, None),
    Case("members come and go", ("10 a w: a* b", "20 a w: a* c"), "a c", "a", 20),
    Case("a verified writer missing in its own table", ("10 a w: a* b", "20 a w: b"), "a b", "a", 20),
    Case("a new writer missing in its own table", ("10 a w: a* b", "20 c w: a* b"), "a b c", "c", 20),
    Case("a verified writer missing from a late table", ("10 c w: a* b c", "20 b r: a* b"), "a b c", "c", 10),
    Case("a former writer that left", ("10 a w: a* b", "20 b w: b*"), "b", "b", 20),
    Case("late word of the same host", ("10 a w: a* b", "20 a r: a b", "15 a w: a* b"), "a b", None, None),
    Case("a late claim of another host", ("20 b w: a b*", "15 a w: a* b"), "a b", "b", 20),
    Case("a claim at the same moment", ("20 b w: a b*", "20 a w: a* b"), "a b", "a", 20),
    Case("duplicate lines", ("10 a w: a* b b a*",), "a b", "a", 10),
    Case("a host that does not tell its role", ("10 a w: a* b", "20 a ?: a b*"), "a b", "a", 10),
    Case("a host that does not tell its role, at first", ("10 b ?: a* b",), "a b", "a", None),
    Case("a plain server", ("10 a w:",), "a", "a", 10),
    Case("a plain reader", ("10 a r:",), "a", None, None),
    Case("order is that of the ids", ("10 b w: c b* a",), "a b c", "b", 10),
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_topology_follows_from_what_hosts_say(scenario: Case) -> None:
    topology = after(*scenario.sayings)
    assert [host.host_id for host in topology.hosts] == scenario.members.split()
    assert (topology.writer.host_id if topology.writer else None) == scenario.writer
    assert topology.writer_verified_at == scenario.verified_at
    others = [host for host in topology.hosts if host is not topology.writer]
    assert all(host.role is HostRole.READER for host in others)
    assert topology.readers == tuple(others)


def test_late_news_returns_the_same_object() -> None:
    topology = after("10 a w: a* b", "20 b r: a* b")
    assert next_topology(topology, said("19 b w: a b*")) is topology
    assert next_topology(topology, said("9 a r: a b*")) is topology


@pytest.mark.parametrize(
    ("saying", "grows"),
    [
        ("20 b r: a* b", False),
        ("20 b r:", False),
        ("20 a w: a* b", True),
        ("20 b w: a* b", True),
        ("20 b r: a* b c", True),
        ("20 b r: a* b@7", True),
        ("20 a r: a b", True),
    ],
)
def test_the_generation_grows_with_hosts_and_verification_alone(saying: str, grows: bool) -> None:
    topology = after("10 a w: a* b")
    changed = next_topology(topology, said(saying))
    assert topology.generation == 1
    assert changed.generation == (2 if grows else 1)


def test_hosts_that_answered_since_are_known() -> None:
    topology = after("10 a w: a* b c", "20 b r: a* b c")
    assert [host.host_id for host in topology.seen_since(5)] == ["a", "b"]
    assert [host.host_id for host in topology.seen_since(20)] == ["b"]
    assert topology.seen_since(21) == ()


def test_answers_of_hosts_that_left_are_forgotten() -> None:
    assert after("10 a w: a* b", "20 b r: a* b", "30 a w: a* c").seen == {"a:5432": 30}


def test_lag_and_time_come_from_the_table_and_weight_and_availability_stay() -> None:
    topology = mark_unavailable(after("10 a w: a* b"), "b:5432")
    changed = next_topology(topology, said("20 a w: a* b@7"))
    b = changed.find("b:5432")
    assert b == HostInfo(
        "b", 5432, HostRole.READER, HostAvailability.UNAVAILABLE, host_id="b", lag_ms=1.0, updated_at=7.0
    )


def test_an_unavailable_host_is_available_again_once_it_answers() -> None:
    topology = after("10 a w: a* b")
    marked = mark_unavailable(topology, "b:5432", 12)
    assert [host.availability.value for host in marked.hosts] == ["available", "unavailable"]
    assert [host.unavailable_since for host in marked.hosts] == [None, 12]
    assert marked.unavailable == {"b:5432"}
    assert marked.generation == topology.generation + 1
    assert mark_unavailable(marked, "b:5432", 15) is marked
    assert mark_unavailable(marked, "nobody:5432") is marked
    answered = next_topology(marked, said("20 b r: a* b"))
    assert [host.availability.value for host in answered.hosts] == ["available", "available"]
    assert [host.unavailable_since for host in answered.hosts] == [None, None]
    assert answered.unavailable == set()


def reached_by_another_name(at: float, host_id: str | None, role: HostRole, *rows: str) -> Observation:
    return Observation("db.cluster-x:5432", host_id, role, tuple(map(row, rows)), at)


def test_a_host_reached_by_another_name_is_known_by_its_id() -> None:
    topology = next_topology(None, reached_by_another_name(10, "a", HostRole.WRITER, "a*", "b"))
    assert [host.address for host in topology.hosts] == ["a:5432", "b:5432"]
    assert topology.seen == {"a:5432": 10}


def test_a_name_that_stood_in_for_a_member_goes_once_the_table_is_there() -> None:
    first = next_topology(None, reached_by_another_name(10, "a", HostRole.WRITER))
    assert [host.address for host in first.hosts] == ["db.cluster-x:5432"]
    second = next_topology(first, said("20 b r: a* b"))
    assert [host.address for host in second.hosts] == ["a:5432", "b:5432"]
    assert second.writer_verified_at == 10


def test_a_plain_server_that_tells_no_id_is_a_topology_of_one() -> None:
    seen = Observation("[::1]:5433", None, HostRole.UNKNOWN, (), 1.0)
    (host,) = next_topology(None, seen).hosts
    assert (host.host, host.port, host.role) == ("::1", 5433, HostRole.UNKNOWN)


def test_a_topology_is_a_value_that_tells_what_it_is() -> None:
    topology = after("10 a w: a* b")
    assert topology == after("10 a w: a* b")
    assert repr(topology) == (
        "<Topology 1 verified [<HostInfo a:5432 writer available>, <HostInfo b:5432 reader available>]>"
    )
    with pytest.raises(FrozenInstanceError):
        topology.generation = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        topology.seen["a:5432"] = 1.0  # type: ignore[index]
