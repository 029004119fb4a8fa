"""A hosts file that programs read while several processes change it.

The machine's own lines come first, then one record per name in a fixed form:

    127.90.17.11    demo.cluster-c1x2y3z4abcd.us-east-2.rds.amazonaws.com  # aws-driver-local

An alias has a record of its own, behind the name it is for: resolvers take a line's first name as the canonical one.
The address field has a fixed width, so that a changed address is an overwrite of a few bytes in place: the
file is never truncated or replaced (it may be mounted over /etc/hosts), and a reader never meets a
half-written line. The C library reads the file in pages, hence no record crosses a page's end.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MACHINE_HOSTS = Path("/etc/hosts")
PROBE_DOMAIN = "probe.aws-driver-local.invalid"
PROBE_ADDRESS = "127.0.0.1"
_MARK = b"  # aws-driver-local\n"
_WIDTH = len("255.255.255.255") + 1
_PAGE = 4096


def record(name: str, address: str) -> bytes:
    """Return the line that gives `name` (of an alias: the canonical name, a space, the alias) its `address`."""
    return _field(address) + name.encode("ascii") + _MARK


def read(path: Path) -> dict[str, str]:
    """Return the records of the file, without the machine's own lines."""
    return {slot.name: slot.address for slot in _slots(path.read_bytes()) if slot.live}


def look_up(name: str, paths: Iterable[Path]) -> str | None:
    """Return the address that the first of the files to know `name` gives it; a file may be gone."""
    for path in paths:
        for names, address in _read_if_there(path).items():
            if names.split()[-1] == name:
                return address
    return None


def canonical_name(name: str, paths: Iterable[Path]) -> str:
    """Return the name that an alias stands for in the first of the files to know it; else the name itself."""
    for path in paths:
        for names in _read_if_there(path):
            if names.split()[-1] == name:
                return names.split()[0]
    return name


def _read_if_there(path: Path) -> dict[str, str]:
    try:
        return read(path)
    except FileNotFoundError:
        return {}


def probe_name(path: Path) -> str:
    """Return the name that only this file knows: who can resolve it, reads this file."""
    for name in read(path):
        if name.endswith(PROBE_DOMAIN):
            return name
    raise ValueError(f"{path} was not made by HostsFile.create(): it has no probe record")


@dataclass(frozen=True, slots=True)
class HostsFile:
    """The hosts file at `path`; every method is safe against other processes that use the same file."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> HostsFile:
        """Make the file with the machine's own lines and a name of its own to recognise it by."""
        machine = MACHINE_HOSTS.read_bytes() if MACHINE_HOSTS.exists() else b"127.0.0.1 localhost\n"
        lines = [line for line in machine.splitlines() if not line.rstrip().endswith(_MARK.strip())]
        path.write_bytes(b"\n".join([*lines, b""]))
        path.chmod(0o644)
        hosts = cls(path)
        hosts.set(f"{os.urandom(6).hex()}.{PROBE_DOMAIN}", PROBE_ADDRESS)
        return hosts

    def set(self, name: str, address: str) -> None:
        """Give `name` the IPv4 `address`: changed in place when the name is known, else appended."""
        with self._locked() as file:
            content = _content(file)
            for slot in _slots(content):
                if slot.name == name:
                    _change(file, slot, address)
                    return
            _append(file, len(content), record(name, address))

    def remove(self, names: Iterable[str]) -> None:
        """Forget the names; unknown ones are ignored."""
        gone = set(names)
        with self._locked() as file:
            for slot in _slots(_content(file)):
                if slot.live and slot.name in gone:
                    os.pwrite(file, b"#", slot.offset)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A record's place in the file; a removed record stays there as a comment."""

    offset: int
    name: str
    field: bytes

    @property
    def live(self) -> bool:
        return not self.field.startswith(b"#")

    @property
    def address(self) -> str:
        return self.field.decode("ascii").strip()


def _slots(content: bytes) -> Iterator[_Slot]:
    offset = 0
    for line in content.splitlines(keepends=True):
        if line.endswith(_MARK) and len(line) > _WIDTH + len(_MARK):
            yield _Slot(offset, line[_WIDTH : -len(_MARK)].decode("ascii"), line[:_WIDTH])
        offset += len(line)


def _field(address: str) -> bytes:
    return str(IPv4Address(address)).encode("ascii").ljust(_WIDTH)


def _content(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


def _change(file: int, slot: _Slot, address: str) -> None:
    """Write only the bytes that differ; the first byte of a removed record, which revives it, comes last."""
    field = _field(address)
    if not slot.live:
        os.pwrite(file, field[1:], slot.offset + 1)
        os.pwrite(file, field[:1], slot.offset)
    elif field != slot.field:
        changed = [i for i in range(_WIDTH) if field[i] != slot.field[i]]
        first, end = changed[0], changed[-1] + 1
        os.pwrite(file, field[first:end], slot.offset + first)


def _append(file: int, size: int, line: bytes) -> None:
    room = _PAGE - size % _PAGE
    padding = b"\n" * room if len(line) > room else b""
    os.pwrite(file, padding + line, size)
