"""DNS records and topology tables: what becomes visible when."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.local import LocalClusterError
from aws_advanced_python_wrapper.local.names.dns import Records
from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile, canonical_name, look_up, read
from aws_advanced_python_wrapper.local.names.naming import Names
from aws_advanced_python_wrapper.local.supervisor.topology import Row, TopologyTables

if TYPE_CHECKING:
    from pathlib import Path

NAMES = Names("demo", "c1x2y3z4abcd", "us-east-2")
SOON = 0.02


class Shown:
    """What a table needs of a node: a name, and somebody it is shown to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.table: Any = None

    def show(self, topology: str) -> None:
        self.table = json.loads(topology)


def row(name: str, writer: bool) -> Row:
    return Row(1, name, writer, f"session of {name}", f"db-{name}", NAMES.instance(name), 5432)


@pytest.fixture
def hosts(tmp_path: Path) -> HostsFile:
    return HostsFile.create(tmp_path / "hosts")


def test_endpoints_follow_after_the_delay(hosts: HostsFile) -> None:
    async def scenario() -> None:
        records = Records(hosts, NAMES)
        records.publish("127.1.1.1", ["127.1.1.2"], {}, 0)
        records.publish("127.1.1.2", [], {}, SOON)
        assert read(hosts.path)[NAMES.writer] == "127.1.1.1"
        await asyncio.sleep(2 * SOON)
        assert read(hosts.path)[NAMES.writer] == "127.1.1.2"
        assert read(hosts.path)[NAMES.reader] == "127.1.1.2", "the writer answers when no reader is left"

    asyncio.run(scenario())


def test_news_that_is_late_does_not_undo_newer_news(hosts: HostsFile) -> None:
    async def scenario() -> None:
        records = Records(hosts, NAMES)
        records.publish("127.1.1.1", [], {}, SOON)
        records.publish("127.1.1.2", [], {}, 0)
        await asyncio.sleep(2 * SOON)
        assert read(hosts.path)[NAMES.writer] == "127.1.1.2"

    asyncio.run(scenario())


def test_a_pinned_record_lies_until_it_is_unpinned(hosts: HostsFile) -> None:
    records = Records(hosts, NAMES)
    records.publish("127.1.1.1", [], {}, 0)
    records.pin(NAMES.writer, "127.1.1.9")
    records.publish("127.1.1.2", [], {}, 0)
    assert read(hosts.path)[NAMES.writer] == "127.1.1.9"
    records.pin(NAMES.writer, None)
    assert read(hosts.path)[NAMES.writer] == "127.1.1.2"
    with pytest.raises(LocalClusterError, match=r"no record 'nowhere': there are demo\.cluster"):
        records.pin("nowhere", "127.1.1.1")


def test_a_custom_endpoint_without_members_keeps_its_last_address(hosts: HostsFile) -> None:
    records = Records(hosts, NAMES)
    records.publish("127.1.1.1", [], {"mine": ["127.1.1.3"]}, 0)
    records.publish("127.1.1.1", [], {"mine": []}, 0)
    assert read(hosts.path)[NAMES.custom("mine")] == "127.1.1.3"


def test_nothing_is_written_after_the_end(hosts: HostsFile) -> None:
    async def scenario() -> None:
        records = Records(hosts, NAMES)
        records.set_instance("demo-instance-1", "127.1.1.1")
        records.publish("127.1.1.1", [], {}, SOON)
        records.remove_all()
        await asyncio.sleep(2 * SOON)
        assert not [name for name in read(hosts.path) if name.endswith(NAMES.domain)]

    asyncio.run(scenario())


def test_an_alias_leads_where_its_target_does_until_it_is_forgotten(hosts: HostsFile) -> None:
    async def scenario() -> None:
        records = Records(hosts, NAMES)
        records.publish("127.1.1.1", ["127.1.1.2"], {}, 0)
        records.set_alias("db.example.com", NAMES.writer)
        assert look_up("db.example.com", [hosts.path]) == "127.1.1.1"
        assert canonical_name("db.example.com", [hosts.path]) == NAMES.writer
        records.publish("127.1.1.2", ["127.1.1.1"], {}, 0)
        assert look_up("db.example.com", [hosts.path]) == "127.1.1.2"
        records.set_alias("db.example.com", NAMES.reader)
        assert look_up("db.example.com", [hosts.path]) == "127.1.1.1"
        assert canonical_name("db.example.com", [hosts.path]) == NAMES.reader
        with pytest.raises(LocalClusterError, match=r"no record 'else\.example\.com'"):
            records.set_alias("db.example.com", "else.example.com")
        records.forget_aliases()
        assert look_up("db.example.com", [hosts.path]) is None
        assert look_up(NAMES.writer, [hosts.path]) == "127.1.1.2"

    asyncio.run(scenario())


def test_a_table_learns_late_but_sees_at_once_who_fell_silent() -> None:
    async def scenario() -> None:
        node: Any = Shown("b")
        tables = TopologyTables(lambda _instance: SOON)
        tables.write(node, (row("a", True), row("b", False)))
        tables.gone("a")
        assert [(row["server_id"], row["writer"], bool(row["seen"])) for row in node.table] == [
            ("a", True, True),
            ("b", False, False),
        ]
        tables.publish((row("a", False), row("b", True)), [node])
        assert node.table[0]["writer"]
        await asyncio.sleep(2 * SOON)
        assert [row["writer"] for row in node.table] == [False, True]
        tables.back("a")
        assert node.table[0]["seen"] is None

    asyncio.run(scenario())


def test_a_table_written_now_is_not_overtaken_by_older_news() -> None:
    async def scenario() -> None:
        node: Any = Shown("a")
        tables = TopologyTables(lambda _instance: SOON)
        tables.publish((row("old", True),), [node])
        tables.write(node, (row("new", True),))
        await asyncio.sleep(2 * SOON)
        assert node.table[0]["server_id"] == "new"

    asyncio.run(scenario())
