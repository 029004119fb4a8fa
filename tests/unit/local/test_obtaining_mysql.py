"""A MySQL server out of an archive of packages: apt and dpkg are real, the archive is a small one of the test's own."""

from __future__ import annotations

import os
import platform
import re
import shutil
import threading
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from aws_advanced_python_wrapper.local import LocalClusterError
from aws_advanced_python_wrapper.local.mysql import apt, installation, obtain
from aws_advanced_python_wrapper.local.mysql.installation import have_server
from aws_advanced_python_wrapper.local.programs import output
from aws_advanced_python_wrapper.local.users import User

needs_apt = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "dpkg-deb"))), reason="this system has no apt and dpkg"
)

STANZAS = """\
Types: deb deb-src
# a comment
URIs: http://one.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN KEY-----
 .
 abc

Types: deb
URIs: http://two.example/debian-security
Suites: bookworm-security
Components: main
"""
LINES = """\
# deb http://none.example/debian bookworm main
deb [arch=amd64 signed-by=/some/key] http://one.example/debian bookworm main contrib
deb http://two.example/debian-security bookworm-security main
deb-src http://one.example/debian bookworm main
deb http://three.example/debian stable main
"""


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return what this system says of itself; Debian 12 unless changed."""
    release = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    return release


class Archive:
    """An archive in a folder, with its own file of sources."""

    def __init__(self, folder: Path, architecture: str) -> None:
        self.folder = folder
        self.sources = folder / "etc"
        self._architecture = architecture
        (self.sources / "sources.list.d").mkdir(parents=True)

    def offer(self, suite: str, *names: str) -> None:
        lists = self.folder / "dists" / suite / "main" / f"binary-{self._architecture}"
        lists.mkdir(parents=True)
        (lists / "Packages").write_text("\n".join(self._package(name) for name in names))
        (self.folder / "dists" / suite / "Release").write_text(f"Suite: {suite}\nComponents: main\n")

    def list_as(self, suite: str) -> None:
        entry = f"deb [trusted=yes] file:{self.folder} {suite} main\n"
        (self.sources / "sources.list.d" / "own.list").write_text(entry)

    def _package(self, name: str) -> str:
        tree = self.folder / "trees" / name
        libraries = tree / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
        for folder in (libraries, tree / "DEBIAN", tree / "usr" / "sbin", tree / "usr" / "bin"):
            folder.mkdir(parents=True)
        # A program that says something when it is asked for its version.
        shutil.copy("/bin/echo", tree / "usr" / "sbin" / "mysqld")
        (tree / "usr" / "bin" / "perror").touch()
        (loader,) = [path for parent in ("/lib64", "/lib") for path in Path(parent).glob("ld-linux*.so.*")][:1]
        shutil.copy(loader, libraries)
        control = f"Package: {name}\nVersion: 1\nArchitecture: {self._architecture}\n"
        described = f"{control}Maintainer: nobody <nobody@example.com>\nDescription: a test\n"
        (tree / "DEBIAN" / "control").write_text(described)
        package = self.folder / f"{name}_1_{self._architecture}.deb"
        output(["dpkg-deb", "--build", str(tree), str(package)])
        content = package.read_bytes()
        return f"{described}Filename: {package.name}\nSize: {len(content)}\nSHA256: {sha256(content).hexdigest()}\n"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: dict[str, str]) -> Archive:
    """Return an archive that is all that this system knows."""
    assert system
    made = Archive(tmp_path / "archive", output(["dpkg", "--print-architecture"]).strip())
    monkeypatch.setattr(obtain, "PrivateApt", partial(apt.PrivateApt, machines_own=made.sources))
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def test_entries_of_debian_stand_for_its_unstable_suite(system: dict[str, str]) -> None:
    made = apt._unstable_stanzas(STANZAS)
    assert "Types: deb\n" in made
    assert "Suites: sid\nComponents: main\nSigned-By:\n -----BEGIN KEY-----\n .\n abc\n" in made
    assert "one.example" in made
    assert "two.example" not in made
    assert apt._unstable_lines(LINES).splitlines() == [
        "deb [arch=amd64 signed-by=/some/key] http://one.example/debian sid main",
        "deb http://three.example/debian sid main",
    ]
    system["VERSION_CODENAME"] = "trixie"
    assert apt._unstable_stanzas(STANZAS) == ""


@needs_apt
def test_a_server_is_fetched_once_and_only_what_it_needs_stays(archive: Archive, cache: Path) -> None:
    archive.offer("sid", "mysql-server-core")
    archive.list_as("stable")
    (cache / "new-killed").mkdir()
    said: list[str] = []
    assert obtain.found(cache) is None
    root = obtain.obtain(said.append, cache)
    assert obtain.found(cache) == root
    assert any("downloading MySQL: 1 packages" in text for text in said)
    assert str(root) in said[-1]
    assert obtain.command(root)[-1] == str(root / "usr/sbin/mysqld")
    assert not (root / "usr/bin").exists()
    assert sorted(path.name for path in cache.iterdir()) == ["lock", root.name]
    said.clear()
    assert obtain.obtain(said.append, cache) == root
    assert said == []


@needs_apt
def test_who_comes_while_it_is_being_fetched_waits(archive: Archive, cache: Path) -> None:
    archive.offer("sid", "mysql-server-core")
    archive.list_as("bookworm")
    said: list[str] = []
    roots: list[Path] = []
    callers = [threading.Thread(target=lambda: roots.append(obtain.obtain(said.append, cache))) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(roots) == 3
    assert len(set(roots)) == 1
    assert len([text for text in said if "downloading" in text]) == 1


@needs_apt
def test_ubuntu_has_a_version_in_the_name_of_the_package(archive: Archive, cache: Path, system: dict[str, str]) -> None:
    system.update(ID="ubuntu", VERSION_CODENAME="noble")
    archive.offer("noble", "mysql-server-core-8.0", "mysql-server-core-10.4", "mysql-server-core-extra-99")
    archive.list_as("noble")
    assert obtain._newest(["mysql-server-core-8.0", "mysql-server-core"]) == "mysql-server-core"
    made = apt.PrivateApt(cache / "apt", archive.sources)
    made.update()
    assert obtain._newest(made.known("mysql-server-core")) == "mysql-server-core-10.4"
    assert obtain.obtain(lambda _: None, cache).exists()


@needs_apt
def test_the_settings_of_the_machine_hold_but_for_its_hooks(
    archive: Archive, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = f'{{ "touch {cache / "hooked"}"; }};\n'
    kinds = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke-Success", "DPkg::Pre-Install-Pkgs")
    own = cache / "machine.conf"
    own.write_text("".join(f"{kind} {hook}" for kind in kinds) + 'Acquire::Retries "7";\n')
    monkeypatch.setenv("APT_CONFIG", str(own))
    archive.offer("sid", "mysql-server-core")
    archive.list_as("sid")
    made = apt.PrivateApt(cache / "apt", archive.sources)
    made.update()
    said = made._run("apt-config", "dump")
    assert 'Acquire::Retries "7";' in said
    assert "Invoke" not in said
    assert not (cache / "hooked").exists()


@needs_apt
def test_where_no_archive_has_one_the_reason_is_told_and_nothing_stays(archive: Archive, cache: Path) -> None:
    archive.offer("sid", "another-package")
    archive.list_as("sid")
    with pytest.raises(LocalClusterError, match="have no mysql-server-core; install MySQL"):
        obtain.obtain(lambda _: None, cache)
    assert obtain.found(cache) is None
    assert [path.name for path in cache.iterdir()] == ["lock"]


def test_a_system_without_apt_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(cache))
    with pytest.raises(LocalClusterError, match="there is no apt-get on this system; install MySQL"):
        obtain.obtain(lambda _: None, cache)


@needs_apt
@pytest.mark.parametrize("version", ["10.11.6-MariaDB-0", "5.7.44 for Linux"])
def test_a_server_on_the_path_that_will_not_do_is_no_hindrance(
    archive: Archive, cache: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    archive.offer("sid", "mysql-server-core")
    archive.list_as("sid")
    other = cache.with_name("bin") / "mysqld"
    other.parent.mkdir()
    other.write_text(f"#!/bin/sh\necho 'mysqld  Ver {version}'\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    cache = cache.with_name("Ver 9.1.2")  # the program in the archive says how it was called
    cache.mkdir()
    monkeypatch.setattr(obtain, "_folders", lambda: iter([cache]))
    monkeypatch.setattr(installation, "_SYSTEM_FOLDERS", [])
    monkeypatch.setattr(installation, "server_user", lambda *_: User("me", os.geteuid(), os.getegid(), switch=False))
    with pytest.raises(LocalClusterError, match=re.escape(f"{other} is M")):
        installation.prepare(None)
    fetched = have_server(lambda _: None)
    root = obtain.found(cache)
    assert root is not None
    assert str(root / "usr/sbin/mysqld") in fetched.command
    assert installation.prepare(None) == fetched, "whoever asks for a server later gets it too"


def test_an_incomplete_server_is_told_by_its_folder(tmp_path: Path) -> None:
    with pytest.raises(LocalClusterError, match=f"{tmp_path} holds no complete MySQL server"):
        obtain.command(tmp_path)
