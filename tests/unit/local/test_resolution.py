"""Both ways of resolving names, each in programs of their own and the hook also in this process."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import mysql.connector
import psycopg
import pytest
import trustme

from aws_advanced_python_wrapper.local.names import namespace, resolution
from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile, probe_name
from aws_advanced_python_wrapper.local.names.resolution import ResolutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "demo.cluster-c1x2y3z4abcd.us-east-2.rds.amazonaws.com"
ADDRESS = "127.83.61.5"
PRINT_ADDRESS = f"import socket; print(socket.gethostbyname('{NAME}'))"


@pytest.fixture
def hosts(tmp_path: Path) -> HostsFile:
    folder = tmp_path / "a folder"
    folder.mkdir()
    hosts = HostsFile.create(folder / "hosts")
    hosts.set(NAME, ADDRESS)
    return hosts


@pytest.fixture
def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def python(code: str, hosts: HostsFile, **variables: str) -> str:
    """Run the code in a new Python with the hosts file as its argument; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, os.fspath(hosts.path)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refusal(connect: Callable[[], object]) -> str:
    with pytest.raises(psycopg.OperationalError) as caught:
        connect()
    return str(caught.value)


# The hook in this process


def test_the_hook_answers_through_socket_and_asyncio_until_it_is_left(hosts: HostsFile) -> None:
    before = socket.getaddrinfo, socket.gethostbyname, socket.gethostbyname_ex
    entered = resolution.enter(hosts.path, "hook")
    try:
        assert entered.mode == "hook"
        assert socket.gethostbyname(NAME.upper() + ".") == ADDRESS
        assert socket.gethostbyname_ex(NAME) == (NAME, [], [ADDRESS])
        assert socket.getaddrinfo(NAME, 5432, type=socket.SOCK_STREAM)[0][4] == (ADDRESS, 5432)
        assert socket.getaddrinfo(NAME.encode(), 1)[0][4] == (ADDRESS, 1)
        assert socket.getaddrinfo(None, 5432)
        assert socket.gethostbyname("localhost") == "127.0.0.1"

        async def resolve() -> object:
            return (await asyncio.get_running_loop().getaddrinfo(NAME, 5432))[0][4]

        assert asyncio.run(resolve()) == (ADDRESS, 5432)
        hosts.set(NAME, "127.83.61.66")
        assert socket.gethostbyname(NAME) == "127.83.61.66"
    finally:
        entered.leave()
    assert (socket.getaddrinfo, socket.gethostbyname, socket.gethostbyname_ex) == before


def test_the_hook_reaches_psycopg(hosts: HostsFile, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts.set("second.example.com", "127.83.61.7")
    entered = resolution.enter(hosts.path, "hook")
    try:
        said = refusal(lambda: psycopg.connect(host=NAME, port=free_port))
        assert f'"{ADDRESS}", port {free_port} failed: Connection refused' in said

        async def connect() -> None:
            await psycopg.AsyncConnection.connect(host=NAME, port=free_port)

        said = refusal(lambda: asyncio.run(connect()))
        assert ADDRESS in said
        said = refusal(lambda: psycopg.connect(f"host={NAME},second.example.com port={free_port}"))
        assert "127.83.61.7" in said
        said = refusal(lambda: psycopg.connect(host=NAME, hostaddr="127.83.61.8", port=free_port))
        assert ADDRESS not in said
        monkeypatch.setenv("PGHOST", NAME)
        assert ADDRESS in refusal(lambda: psycopg.connect(port=free_port))
    finally:
        entered.leave()


def test_the_hook_reaches_the_c_extension_of_mysql_connector(hosts: HostsFile, free_port: int) -> None:
    extension = pytest.importorskip("mysql.connector.connection_cext")
    if not extension.HAVE_CMYSQL:
        pytest.skip("MySQL Connector/Python has no C extension here")
    unconnected = extension.CMySQLConnection()
    entered = resolution.enter(hosts.path, "hook")
    try:
        with pytest.raises(mysql.connector.Error, match=f"{ADDRESS}:{free_port}"):
            unconnected.connect(host=NAME, port=free_port)
    finally:
        entered.leave()
    assert unconnected.server_host == NAME


def test_the_hook_reaches_uvloop(hosts: HostsFile) -> None:
    """It resolves in C, also for the connections that it makes, whose certificates are checked by name."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed: it has no wheel for every Python")
    before = uvloop.Loop.getaddrinfo, uvloop.Loop.create_connection
    authority = trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert(NAME).configure_cert(server_side)
    authority.configure_trust(client_side)

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    async def use() -> None:
        loop = asyncio.get_running_loop()
        ((*_, name, target),) = await loop.getaddrinfo(NAME, 5432, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
        assert (name, target) == (NAME, (ADDRESS, 5432))
        for listening, connecting in ((None, None), (server_side, client_side)):
            server = await asyncio.start_server(greet, ADDRESS, 0, ssl=listening)
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection(NAME, port, ssl=connecting)
            assert await reader.read() == b"hello"
            writer.close()
            server.close()

    entered = resolution.enter(hosts.path, "hook")
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(use())
    finally:
        entered.leave()
        loop.close()
    assert (uvloop.Loop.getaddrinfo, uvloop.Loop.create_connection) == before


def test_entering_twice_needs_leaving_twice_and_files_add_up(hosts: HostsFile, tmp_path: Path) -> None:
    other = HostsFile.create(tmp_path / "other")
    other.set("other.example.com", "127.83.61.9")
    before = os.environ.get("PYTHONPATH")
    first = resolution.enter(hosts.path, "hook")
    second = resolution.enter(hosts.path, "hook")
    third = resolution.enter(other.path, "hook")
    first.leave()
    assert socket.gethostbyname(NAME) == ADDRESS
    assert socket.gethostbyname("other.example.com") == "127.83.61.9"
    second.leave()
    assert resolution.plan(hosts.path, "hook").mode == "hook"
    assert socket.gethostbyname("other.example.com") == "127.83.61.9"
    third.leave()
    third.leave()
    assert os.environ.get("PYTHONPATH") == before
    assert "AWS_DRIVER_LOCAL_HOSTS" not in os.environ


def test_who_wrapped_our_function_stays_in_the_chain(hosts: HostsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = resolution.enter(hosts.path, "hook")
    ours = socket.gethostbyname

    def theirs(host: str) -> str:
        return ours(host)

    monkeypatch.setattr(socket, "gethostbyname", theirs)
    entered.leave()
    assert socket.gethostbyname is theirs
    assert socket.gethostbyname("localhost") == "127.0.0.1"
    with pytest.raises(OSError, match=r"."):
        socket.gethostbyname(probe_name(hosts.path))


def test_children_of_a_hooked_process_are_hooked(hosts: HostsFile) -> None:
    entered = resolution.enter(hosts.path, "hook")
    try:
        assert python(PRINT_ADDRESS, hosts) == ADDRESS
    finally:
        entered.leave()


def test_mode_none_changes_nothing(hosts: HostsFile) -> None:
    before = socket.getaddrinfo
    entered = resolution.enter(hosts.path, "none")
    assert entered.mode == "none"
    assert socket.getaddrinfo is before
    entered.leave()


# Programs started with the hook


def test_run_hooks_a_python_program_and_psycopg_imported_later(
    hosts: HostsFile, tmp_path: Path, free_port: int
) -> None:
    code = f"""
import sys
assert "psycopg" not in sys.modules
import socket, psycopg
print(socket.gethostbyname("{NAME}"))
try:
    psycopg.connect(host="{NAME}", port={free_port})
except psycopg.OperationalError as error:
    print("{ADDRESS}" in str(error))
"""
    with (tmp_path / "out").open("wb+") as out:
        command = ["sh", "-c", '"$0" "$@" > "$OUT"', sys.executable, "-c", code]
        child = resolution.run(command, hosts.path, {"OUT": str(tmp_path / "out")}, "hook")
        assert child.wait(60) == 0
        assert out.read().split() == [ADDRESS.encode(), b"True"]


def test_the_hook_runs_the_sitecustomize_it_hides_and_keeps_pythonpath(hosts: HostsFile, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.hidden = 'found'\n")
    code = f"import socket, sys; print(hidden, socket.gethostbyname('{NAME}')); import sitecustomize; \
print(sitecustomize.__file__)"
    variables = resolution._hook_variables({"PYTHONPATH": str(tmp_path)}, [hosts.path])
    assert python(code, hosts, **variables).split() == [
        "found",
        ADDRESS,
        str(tmp_path / "sitecustomize.py"),
    ]


def test_the_hook_needs_nothing_of_this_package_in_the_program(hosts: HostsFile) -> None:
    code = f"""
import socket, sys
assert not [name for name in sys.modules if name.startswith("aws_advanced_python_wrapper")]
print(socket.gethostbyname("{NAME}"))
"""
    assert python(code, hosts, **resolution._hook_variables({}, [hosts.path])) == ADDRESS


def test_hook_variables_are_not_repeated(hosts: HostsFile) -> None:
    once = resolution._hook_variables({}, [hosts.path])
    assert resolution._hook_variables(once, [hosts.path]) == once


# The namespace


@pytest.fixture
def namespaces(hosts: HostsFile) -> None:
    if obstacle := namespace.obstacle(hosts.path, probe_name(hosts.path), this_process=False):
        pytest.skip(f"no mount namespace here: {obstacle}")


ENTER = """
import logging, os, socket, subprocess, sys
from pathlib import Path
from aws_advanced_python_wrapper.local.names import resolution
from aws_advanced_python_wrapper.local.names.hosts_file import HostsFile
logging.basicConfig(level=logging.INFO)
hosts = HostsFile(Path(sys.argv[1]))
"""


@pytest.mark.usefixtures("namespaces")
def test_a_namespace_serves_the_process_and_its_children_only(hosts: HostsFile) -> None:
    code = f"""{ENTER}
entered = resolution.enter(hosts.path)
print(entered.mode)
print(socket.gethostbyname("{NAME}"))
print(subprocess.check_output(["getent", "hosts", "{NAME}"], text=True).split()[0])
hosts.set("{NAME}", "127.83.61.66")
print(socket.gethostbyname("{NAME}"))
print(resolution.enter(hosts.path).reason)
entered.leave()
"""
    said = python(code, hosts).splitlines()
    assert said == [
        "namespace",
        ADDRESS,
        ADDRESS,
        "127.83.61.66",
        "this process is in the namespace already",
    ]
    assert not namespace.entered(hosts.path)


@pytest.mark.usefixtures("namespaces")
def test_a_second_file_takes_the_place_of_the_first(hosts: HostsFile, tmp_path: Path) -> None:
    other = HostsFile.create(tmp_path / "other")
    other.set(NAME, "127.83.61.70")
    code = f"""{ENTER}
print(resolution.enter(hosts.path).mode, socket.gethostbyname("{NAME}"))
print(resolution.enter(Path({os.fspath(other.path)!r})).mode, socket.gethostbyname("{NAME}"))
"""
    assert python(code, hosts).split() == ["namespace", ADDRESS, "namespace", "127.83.61.70"]


@pytest.mark.usefixtures("namespaces")
def test_a_process_with_threads_takes_the_hook_and_says_why(hosts: HostsFile) -> None:
    code = f"""{ENTER}
import threading
done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
entered = resolution.enter(hosts.path)
print(entered.mode, "|", entered.reason, "|", socket.gethostbyname("{NAME}"))
try:
    resolution.enter(hosts.path, "namespace")
except resolution.ResolutionError as error:
    print(error)
done.set()
"""
    first, second = python(code, hosts).splitlines()
    assert first.startswith("hook | this process has 2 threads already; only Python programs")
    assert first.endswith(ADDRESS)
    assert "2 threads already; use 'auto' or 'hook'" in second


@pytest.mark.usefixtures("namespaces")
def test_run_brings_any_program_into_the_namespace(hosts: HostsFile, tmp_path: Path) -> None:
    command = ["sh", "-c", f'getent hosts {NAME} > "$OUT"; echo "$1" >> "$OUT"; exit 7', "sh", "two  words"]
    child = resolution.run(command, hosts.path, {"OUT": str(tmp_path / "out")}, "namespace")
    assert child.wait(60) == 7
    assert (tmp_path / "out").read_text().split()[0] == ADDRESS
    assert "two  words\n" in (tmp_path / "out").read_text()


@pytest.mark.usefixtures("namespaces")
def test_run_of_a_missing_command_ends_with_127(hosts: HostsFile, capfd: pytest.CaptureFixture[str]) -> None:
    child = resolution.run(["/no/such/command"], hosts.path, {}, "namespace")
    assert child.wait(60) == 127
    assert "/no/such/command: command not found" in capfd.readouterr().err


def test_a_machine_whose_resolver_ignores_the_hosts_file_gets_the_hook(
    hosts: HostsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nsswitch = tmp_path / "nsswitch.conf"
    nsswitch.write_text("# hosts: files\npasswd: files\nhosts: resolve [!UNAVAIL=return] dns # files\n")
    monkeypatch.setattr(namespace, "_NSSWITCH", nsswitch)
    planned = resolution.plan(hosts.path)
    assert planned.mode == "hook"
    assert "does not consult /etc/hosts" in planned.reason
    with pytest.raises(ResolutionError, match="does not consult"):
        resolution.plan(hosts.path, "namespace")


@pytest.mark.parametrize(
    ("text", "consulted"),
    [("hosts: files dns\n", True), ("passwd: files\n", True), ("hosts:\tdns myhostname\n", False)],
)
def test_nsswitch_is_read_as_the_c_library_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, consulted: bool
) -> None:
    (tmp_path / "nsswitch.conf").write_text(text)
    monkeypatch.setattr(namespace, "_NSSWITCH", tmp_path / "nsswitch.conf")
    assert namespace._hosts_are_consulted() is consulted


def test_a_machine_without_nsswitch_consults_the_hosts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "_NSSWITCH", tmp_path / "missing")
    assert namespace._hosts_are_consulted()


@pytest.fixture
def open_hosts() -> Iterator[HostsFile]:
    """A hosts file in a folder that every user may pass."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        hosts = HostsFile.create(Path(folder) / "hosts")
        hosts.set(NAME, ADDRESS)
        yield hosts


BECOME_NOBODY = "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
RESOLVE_TWICE = f"""
entered = resolution.enter(hosts.path)
child = subprocess.check_output([sys.executable, "-c", {PRINT_ADDRESS!r}], text=True).strip()
print(entered.mode, socket.gethostbyname("{NAME}"), child, os.geteuid())
"""


def nobody_can_run_python() -> bool:
    if os.geteuid() != 0:
        return False
    try:
        return subprocess.call([sys.executable, "-c", ""], user=65534, group=65534) == 0
    except OSError:
        return False


@pytest.mark.skipif(not nobody_can_run_python(), reason="this Python cannot be run as another user")
def test_a_normal_user_gets_a_namespace_or_the_hook(open_hosts: HostsFile) -> None:
    words = f"[sys.executable, '-c', {ENTER + RESOLVE_TWICE!r}, sys.argv[1]]"
    mode, *rest = python(f"{BECOME_NOBODY}os.execv(sys.executable, {words})", open_hosts, HOME="/").split()
    assert mode in {"namespace", "hook"}
    assert rest == [ADDRESS, ADDRESS, "65534"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_process_that_has_just_become_a_normal_user_gets_the_hook(open_hosts: HostsFile) -> None:
    code = f"{ENTER}{BECOME_NOBODY}print(resolution.enter(hosts.path).reason)"
    assert python(code, open_hosts, HOME="/").startswith("this process changed its user")
