"""The archive that MySQL servers' data begin as, made by a program that stands for the server."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.local.mysql import obtain
from aws_advanced_python_wrapper.local.mysql.installation import Installation
from aws_advanced_python_wrapper.local.mysql.template import Template
from aws_advanced_python_wrapper.local.users import User

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 4_000_000  # bytes
PROGRAM = f"""
import sys
from pathlib import Path
(data,) = [Path(word.partition("=")[2]) for word in sys.argv if word.startswith("--datadir=")]
data.mkdir()
(data / "auto.cnf").touch()
(data / "table.ibd").write_bytes(bytes({SIZE}) + b"row")
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def folders() -> Iterator[Path]:
        yield tmp_path / "cache"

    monkeypatch.setattr(obtain, "_folders", folders)
    return tmp_path / "cache"


@pytest.fixture
def template(tmp_path: Path) -> Template:
    user = User("me", os.geteuid(), os.getegid(), switch=False)
    (tmp_path / "nodes").mkdir()
    return Template(Installation((sys.executable, "-c", PROGRAM), "9.1.2", "a build", user), tmp_path / "nodes")


def archives(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def test_an_archive_is_made_once_and_nobody_else_may_read_it(template: Template, cache: Path) -> None:
    asyncio.run(template.create(["CREATE DATABASE app"]))
    (archive,) = cache.iterdir()
    assert archive.name.startswith("mysql-9.1.2-")
    assert archive.stat().st_mode & 0o777 == 0o600
    assert archive.stat().st_size < SIZE / 10, "it holds no zeros"
    assert [path.name for path in template.nodes.iterdir()] == ["first.sql"]
    made = archive.stat().st_ino
    asyncio.run(template.create([]))
    assert archive.stat().st_ino == made


def test_a_node_begins_with_the_whole_data_but_for_an_identity(template: Template, cache: Path) -> None:
    asyncio.run(template.create([]))
    asyncio.run(template.copy(template.nodes / "one"))
    (table,) = (template.nodes / "one" / "data").iterdir()
    assert table.read_bytes() == bytes(SIZE) + b"row"
    for archive in cache.iterdir():
        archive.unlink()
    asyncio.run(template.copy(template.nodes / "two"))
    assert (template.nodes / "two" / "data" / "table.ibd").exists()


@pytest.mark.parametrize("other", ["user", "stamp", "command"])
def test_another_build_or_user_has_another_archive(template: Template, cache: Path, other: str) -> None:
    asyncio.run(template.create([]))
    first = archives(cache)
    installation = template.installation
    values: dict[str, Any] = {
        "user": replace(installation.user, uid=installation.user.uid + 1),
        "stamp": "another build",
        "command": (*installation.command, "--another-option"),
    }
    asyncio.run(Template(replace(installation, **{other: values[other]}), template.nodes).create([]))
    assert len(archives(cache)) == 2
    assert set(first) < set(archives(cache))


def test_what_has_not_been_used_for_a_week_is_removed(template: Template, cache: Path) -> None:
    cache.mkdir()
    unused, unfinished, used = (cache / f"mysql-8.0.30-{name}" for name in ("1.tar", "2.tar.k1ll3d", "3.tar"))
    for path in (unused, unfinished, used):
        path.touch()
    for path in (unused, unfinished):
        os.utime(path, (0, 0))
    (cache / "mysql-x86_64").mkdir()
    os.utime(cache / "mysql-x86_64", (0, 0))
    asyncio.run(template.create([]))
    assert [name for name in archives(cache) if not name.startswith("mysql-9.1.2-")] == [used.name, "mysql-x86_64"]
