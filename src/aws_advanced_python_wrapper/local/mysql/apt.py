"""Packages of Debian's and Ubuntu's archives, unpacked without being installed: as any user, into any folder."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.programs import output

if TYPE_CHECKING:
    from collections.abc import Sequence

# Debian's stable suites have no MySQL; the unstable one's packages bring all the libraries that they need.
_UNSTABLE = "sid"
_OTHER_NAMES_OF_SUITES = {"oldstable", "stable", "testing", "unstable", _UNSTABLE}
_NETWORK_TIMEOUT = 20  # s without a byte


@dataclass(frozen=True, slots=True)
class Package:
    """A package that apt would fetch; `size` is in bytes."""

    name: str
    size: int


class PrivateApt:
    """The system's apt, with lists, caches and a record of installed packages of its own below `folder`.

    The archives and keys are those that the machine itself uses. Everything raises `LocalClusterError`.
    """

    def __init__(self, folder: Path, machines_own: Path = Path("/etc/apt")) -> None:
        self._folder = folder
        for name in ("lists/partial", "cache/archives/partial", "sources", "packages"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()  # nothing is installed: every library is fetched too
        (folder / "apt.conf").touch(mode=0o600)  # a proxy's password may be in it
        (folder / "apt.conf").write_text(_settings_of_machine())
        self._take_sources(machines_own)
        self._options = [*self._places(), *_SETTINGS]

    def update(self) -> None:
        """Fetch the lists of packages; an archive that cannot be reached has none then."""
        self._run("apt-get", "update", check=False)

    def known(self, prefix: str) -> list[str]:
        """Return the names of all packages that begin so."""
        return self._run("apt-cache", "pkgnames", prefix).split()

    def needed_for(self, name: str) -> list[Package]:
        """Return the package and all that it depends on."""
        plan = self._run("apt-get", "install", "--print-uris", "--yes", name)
        found = re.findall(r"^'[^']+' ([^\s_]+)_\S+\.deb (\d+)", plan, re.MULTILINE)
        return [Package(name, int(size)) for name, size in found]

    def unpack(self, names: Sequence[str], root: Path) -> None:
        """Fetch packages, check them against the archive's signature, and lay out their files below `root`."""
        packages = self._folder / "packages"
        self._run("apt-get", "download", *names, cwd=packages)
        for package in sorted(packages.glob("*.deb")):
            output(["dpkg", "--extract", str(package), str(root)])

    def _take_sources(self, machines_own: Path) -> None:
        is_debian = _system().get("ID") == "debian"
        for path in [*machines_own.glob("sources.list"), *machines_own.glob("sources.list.d/*")]:
            if path.suffix in (".list", ".sources"):
                text = path.read_text()
                if is_debian:
                    text = _unstable_stanzas(text) if path.suffix == ".sources" else _unstable_lines(text)
                (self._folder / "sources" / path.name).write_text(text)

    def _places(self) -> list[str]:
        return [
            "Dir::Etc::sourcelist=/dev/null",
            f"Dir::Etc::sourceparts={self._folder / 'sources'}",
            f"Dir::State::lists={self._folder / 'lists'}",
            f"Dir::State::status={self._folder / 'status'}",
            f"Dir::Cache={self._folder / 'cache'}",
        ]

    def _run(self, program: str, *words: str, cwd: Path | None = None, check: bool = True) -> str:
        options = [word for option in self._options for word in ("--option", option)]
        settings = str(self._folder / "apt.conf")
        return output([program, "--quiet", *options, *words], cwd=cwd, check=check, APT_CONFIG=settings)


_SETTINGS = [
    "APT::Sandbox::User=",  # apt's own user could not write into the folder
    "APT::Install-Recommends=false",
    "Acquire::Languages=none",
    "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
    f"Acquire::http::Timeout={_NETWORK_TIMEOUT}",
    f"Acquire::https::Timeout={_NETWORK_TIMEOUT}",
]


def _settings_of_machine() -> str:
    """Return the machine's own settings but for its hooks, which are written for what is installed, and for root."""
    settings = re.findall(r'^[^" ]+ "[^"]*";$', output(["apt-config", "dump"]), re.MULTILINE)
    kept = [setting for setting in settings if not re.match(r"\S*(Invoke|Hooks|Pre-Install-Pkgs)", setting)]
    # What APT_CONFIG names is read before the machine's files, and could take back nothing that they say.
    return "\n".join([*kept, 'Dir::Etc::parts "/dev/null";', 'Dir::Etc::main "/dev/null";', ""])


def _unstable_stanzas(text: str) -> str:
    """Return the stanzas for this system's own release, made to stand for the unstable suite."""
    own = []
    for stanza in re.split(r"\n\s*\n", text):
        suites = re.search(rf"^Suites:{_VALUE}", stanza, re.MULTILINE)
        if suites and _is_release(suites[1]):
            for name, value in {"Types": "deb", "Suites": _UNSTABLE, "Components": "main"}.items():
                stanza = re.sub(rf"^{name}:{_VALUE}", f"{name}: {value}", stanza, flags=re.MULTILINE)  # noqa: PLW2901
            own.append(f"{stanza}\n\n")
    return "".join(own)


_VALUE = r"(.*(?:\n[ \t].*)*)"  # of a field, with the lines that continue it


def _unstable_lines(text: str) -> str:
    """Do the same for the older format, of one line each."""
    entries = re.findall(r"^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s", text, re.MULTILINE)
    own = (f"deb {options}{uri} {_UNSTABLE} main\n" for options, uri, suite in entries if _is_release(suite))
    return "".join(own)


def _is_release(suites: str) -> bool:
    """Tell whether one of the suites is a release, not updates or another project's archive."""
    return bool({_system().get("VERSION_CODENAME"), *_OTHER_NAMES_OF_SUITES} & set(suites.split()))


def _system() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:  # it does not say
        return {}
