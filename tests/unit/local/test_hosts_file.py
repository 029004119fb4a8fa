from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.local.names import hosts_file
from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile, look_up, probe_name, read, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "demo.cluster-c1x2y3z4abcd.us-east-2.rds.amazonaws.com"


@pytest.fixture
def hosts(tmp_path: Path) -> HostsFile:
    return HostsFile.create(tmp_path / "hosts")


def own_records(hosts: HostsFile) -> dict[str, str]:
    return {name: address for name, address in read(hosts.path).items() if name != probe_name(hosts.path)}


def test_every_record_has_the_same_form() -> None:
    assert record("a.example.com", "127.1.2.3") == b"127.1.2.3       a.example.com  # aws-driver-local\n"
    assert record("b.example.com", "127.101.102.103").startswith(b"127.101.102.103 b.example.com ")


@pytest.mark.parametrize("address", ["2001:db8::1234:5678", "127.1.2", "elsewhere"])
def test_an_address_that_does_not_fit_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=address):
        record(NAME, address)


def test_the_machines_own_lines_come_first_and_are_not_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = tmp_path / "machine"
    machine.write_bytes(b"127.0.0.1 localhost\n::1 ip6-localhost # comment\n10.0.0.1 box" + b"\n\n")
    monkeypatch.setattr(hosts_file, "MACHINE_HOSTS", machine)
    hosts = HostsFile.create(tmp_path / "hosts")
    hosts.set(NAME, "127.1.2.3")
    assert hosts.path.read_bytes().startswith(machine.read_bytes())
    assert own_records(hosts) == {NAME: "127.1.2.3"}


def test_records_of_another_cluster_are_not_taken_for_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: HostsFile
) -> None:
    hosts.set(NAME, "127.1.2.3")
    monkeypatch.setattr(hosts_file, "MACHINE_HOSTS", hosts.path)  # as inside that cluster's namespace
    inner = HostsFile.create(tmp_path / "inner")
    assert own_records(inner) == {}
    assert probe_name(inner.path) != probe_name(hosts.path)


def test_a_machine_without_hosts_still_knows_localhost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_file, "MACHINE_HOSTS", tmp_path / "missing")
    assert b"127.0.0.1 localhost\n" in HostsFile.create(tmp_path / "hosts").path.read_bytes()


def test_a_known_name_changes_in_place(hosts: HostsFile) -> None:
    hosts.set(NAME, "127.1.2.3")
    size = hosts.path.stat().st_size
    inode = hosts.path.stat().st_ino
    for address in ("127.1.2.4", "127.101.102.103", "127.1.2.3"):
        hosts.set(NAME, address)
        assert own_records(hosts) == {NAME: address}
    assert (hosts.path.stat().st_size, hosts.path.stat().st_ino) == (size, inode)


def test_a_removed_name_is_gone_and_comes_back_to_its_place(hosts: HostsFile) -> None:
    hosts.set(NAME, "127.1.2.3")
    hosts.set("other", "127.1.2.4")
    size = hosts.path.stat().st_size
    hosts.remove([NAME, "never there"])
    assert own_records(hosts) == {"other": "127.1.2.4"}
    assert b"#27.1.2.3 " in hosts.path.read_bytes()
    hosts.set(NAME, "127.1.2.55")
    assert own_records(hosts) == {NAME: "127.1.2.55", "other": "127.1.2.4"}
    assert hosts.path.stat().st_size == size


def test_no_record_crosses_the_end_of_a_page(hosts: HostsFile) -> None:
    for number in range(200):
        hosts.set(f"instance-{number}.{NAME}", "127.1.2.3")
    content = hosts.path.read_bytes()
    offset = 0
    for line in content.splitlines(keepends=True):
        if line.strip():
            assert offset // 4096 == (offset + len(line) - 1) // 4096
        offset += len(line)
    assert len(content) > 3 * 4096
    assert len(own_records(hosts)) == 200


def test_looking_up_asks_the_files_in_turn_and_survives_a_missing_one(tmp_path: Path, hosts: HostsFile) -> None:
    second = HostsFile.create(tmp_path / "second")
    hosts.set("both", "127.0.0.2")
    second.set("both", "127.0.0.3")
    second.set("one", "127.0.0.4")
    paths = [tmp_path / "missing", hosts.path, second.path]
    assert look_up("both", paths) == "127.0.0.2"
    assert look_up("one", paths) == "127.0.0.4"
    assert look_up("none", paths) is None


def test_a_foreign_file_has_no_probe_name(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    with pytest.raises(ValueError, match="was not made by HostsFile"):
        probe_name(tmp_path / "hosts")


WRITER = """
import sys
from pathlib import Path
from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile

hosts, number = HostsFile(Path(sys.argv[1])), sys.argv[2]
for turn in range(300):
    hosts.set("shared.example.com", ("127.0.0.9", "127.0.0.8", "127.0.0.7")[turn % 3])
    if turn % 5 == 0:
        hosts.set(f"instance-{turn}-of-{number}.example.com", "127.0.0." + number)
    if turn % 50 == 40:
        hosts.remove([f"instance-{turn}-of-{number}.example.com"])
"""


def lines_as_the_c_library_reads_them(path: Path) -> Iterator[bytes]:
    """Read by pages, as stdio does, so a change between two reads would show in a line that spans them."""
    with path.open("rb", buffering=0) as file:
        content = b""
        while page := file.read(4096):
            content += page
    yield from content.splitlines(keepends=True)


def test_readers_never_meet_a_broken_line_while_several_processes_write(hosts: HostsFile) -> None:
    hosts.set("shared.example.com", "127.0.0.9")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, os.fspath(hosts.path), str(number)]) for number in (1, 2, 3)
    ]
    rounds = 0
    while any(writer.poll() is None for writer in writers) or not rounds:
        rounds += 1
        shared = 0
        for line in lines_as_the_c_library_reads_them(hosts.path):
            address, *names = line.partition(b"#")[0].split() or [b"", b""]
            shared += b"shared.example.com" in names
            if line.strip() and not line.startswith(b"#"):
                assert line.endswith(b"\n")
                assert address in {f"127.0.0.{n}".encode() for n in range(1, 10)} or b"::" in address, line
                assert names, line
        assert shared == 1
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len(own_records(hosts)) == 1 + 3 * (60 - 6)
