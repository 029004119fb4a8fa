"""The command `aws-driver-local`: a cluster for the terminal."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_args

try:
    from rich.console import Console
    from rich.table import Table
except ModuleNotFoundError as missing:
    sys.exit(f"aws-driver-local needs {missing.name}: pip install 'aws-advanced-python-driver[local]'")

from aws_advanced_python_wrapper.local import places, reaper
from aws_advanced_python_wrapper.local.cluster import LocalCluster
from aws_advanced_python_wrapper.local.environment import NAMES, directions, environment
from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.mysql.installation import have_server
from aws_advanced_python_wrapper.local.names import resolution
from aws_advanced_python_wrapper.local.settings import Deployment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Options = argparse.Namespace
_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)
_COLOURS = {"running": "green", "paused": "yellow", "down": "red"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = parser().parse_args(arguments)
    run: Callable[[Options], int] = options.run
    try:
        return run(options)
    except (LocalClusterError, resolution.ResolutionError) as error:
        _err.print(f"aws-driver-local: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def parser() -> argparse.ArgumentParser:
    """Return the parser; every subcommand brings the function that carries it out."""
    top = argparse.ArgumentParser(
        prog="aws-driver-local",
        description="Real PostgreSQL or MySQL servers here that act as an Aurora or other cluster of Amazon's.",
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _starting(_add(commands, "up", up, "bring a cluster up; it lives until 'down'"))
    _add(commands, "status", status, "show the instances of a cluster")
    failover = _add(commands, "failover", fail_over, "fail over to another instance")
    failover.add_argument("--kind", choices=["crash", "graceful", "hang"], default="crash", help="how the writer ends")
    switchover = _add(commands, "switchover", switch_over, "have the writer hand over to another instance, in order")
    for command in (failover, switchover):
        _changing(command)
    for name, what in _ON_INSTANCES.items():
        _add(commands, name, _on_instance(name), what).add_argument("instance", metavar="INSTANCE")
    add = _add(commands, "add-reader", add_reader, "add an instance")
    add.add_argument("instance", nargs="?", metavar="INSTANCE", help="its name")
    run = _starting(_add(commands, "run", run_program, "run a program in which the cluster's names resolve"))
    run.add_argument("--resolution", choices=["auto", "namespace", "hook"], default="auto", help="how they resolve")
    run.add_argument("program", nargs=argparse.REMAINDER, metavar="-- CMD ...", help="the program and its arguments")
    _add(commands, "down", down, "end a cluster and remove every trace of it")
    _without_cluster(commands, "get-mysql", get_mysql, "fetch a MySQL server into a cache folder, if none is there")
    return top


_ON_INSTANCES = {
    "reboot": "restart an instance; its role stays",
    "pause": "freeze an instance",
    "resume": "let a paused instance go on",
    "kill": "kill an instance's server",
    "start": "start an instance that is down",
    "remove-reader": "remove an instance",
}


def _add(commands: Any, name: str, run: Callable[[Options], int], what: str) -> argparse.ArgumentParser:
    command = _without_cluster(commands, name, run, what)
    command.add_argument("--name", default="demo", help="the cluster's name (default: demo)")
    return command


def _without_cluster(commands: Any, name: str, run: Callable[[Options], int], what: str) -> argparse.ArgumentParser:
    description = f"{what[0].upper()}{what[1:]}."
    command: argparse.ArgumentParser = commands.add_parser(name, help=what, description=description)
    command.set_defaults(run=run)
    return command


def _changing(command: argparse.ArgumentParser) -> None:
    """Add what says who takes over."""
    add = command.add_argument
    add("--to", metavar="INSTANCE", help="the reader to promote (default: the most advanced)")
    wait = "return when the new writer is up (default), or when the old one is back too"
    add("--wait", choices=["writer", "all"], default="writer", help=wait)


def _starting(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add what says how a cluster is made."""
    add = command.add_argument
    add("--engine", choices=NAMES, default="postgresql", help="default: postgresql")
    kinds = "what to act as (default: aurora); multi-az: an RDS Multi-AZ DB cluster; rds: an RDS instance"
    add("--deployment", choices=get_args(Deployment), default="aurora", help=kinds)
    add("--instances", type=int, help="how many (default: 3, one of them the writer; rds: 1)")
    add("--port", type=int, help="the port of every instance (default: a free one)")
    add("--user", default="admin", help="the master user (default: admin)")
    add("--password", help="its password (default: generated)")
    add("--database", default="app", help="the database (default: app)")
    add("--tls", choices=["allow", "require", "off"], default="allow", help="default: allow")
    iam = "let users sign in with IAM tokens, and serve Secrets Manager and STS"
    add("--iam", action="store_true", help=iam)
    add("--iam-user", metavar="USER", help="who signs in with tokens (default: jane)")
    add("--postgres-bin", metavar="DIR", help="the folder of an installed PostgreSQL's programs")
    add("--postgres-version", type=int, metavar="N", help="of the packaged ones: 16 (default) or 18")
    add("--mysql-bin", metavar="PATH", help="mysqld, or its folder (default: the one on the PATH, or a fetched one)")
    return command


def up(options: Options) -> int:
    """Bring up a detached cluster."""
    if places.running(options.name):
        raise LocalClusterError(f"a cluster {options.name!r} is up already: use another --name, or 'down' first")
    _remove_stale(options.name)
    with _progress() as tell:
        cluster = _new_cluster(options, tell)
        cluster.start_detached()
    _show_endpoints(cluster)
    return 0


def status(options: Options) -> int:
    """Show a cluster, or say what is left of one."""
    cluster = LocalCluster.attach(options.name)
    now = cluster.status()
    table = Table(title=f"{now.name}: {NAMES[cluster.settings.engine]} {now.server_version}, port {cluster.port}")
    for column in ("instance", "role", "address", "state", "connections"):
        table.add_column(column)
    for one in now.instances:
        colour = _COLOURS.get(one.state, "yellow")
        state = f"[{colour}]{one.state}[/{colour}]"
        table.add_row(one.name, one.role, f"{one.address}:{one.port}", state, str(one.connections))
    _out.print(table)
    _show_endpoints(cluster)
    return 0


def fail_over(options: Options) -> int:
    """Fail over and say how long it took."""
    cluster = LocalCluster.attach(options.name)
    result = cluster.failover(to=options.to, kind=options.kind, wait=options.wait)
    _out.print(f"{result.new_writer} is the writer, {result.seconds:.2f} s after {result.old_writer} went")
    return 0


def switch_over(options: Options) -> int:
    """Switch over and say how long it took."""
    result = LocalCluster.attach(options.name).switchover(to=options.to, wait=options.wait)
    _out.print(
        f"{result.new_writer} is the writer, {result.seconds:.2f} s after {result.old_writer} began to hand over"
    )
    return 0


def add_reader(options: Options) -> int:
    """Add an instance."""
    added = LocalCluster.attach(options.name).add_reader(options.instance)
    _out.print(f"{added.name}: {added.host} ({added.address}:{added.port})")
    return 0


def down(options: Options) -> int:
    """End a cluster."""
    if _remove_stale(options.name) and not places.running(options.name):
        return 0
    LocalCluster.attach(options.name).stop()
    _out.print(f"{options.name} is down")
    return 0


def run_program(options: Options) -> int:
    """Run a program against the cluster of this name, or one brought up for it."""
    program = options.program[1:] if options.program[:1] == ["--"] else options.program
    if not program:
        raise LocalClusterError("say which program to run: aws-driver-local run -- python my_program.py")
    with _cluster_for_run(options) as cluster:
        chosen = resolution.plan(cluster.hosts_file, options.resolution)
        _err.print(f"names resolve by {chosen.mode}: {chosen.reason}", style="dim", markup=False)
        try:
            process = resolution.run(program, cluster.hosts_file, environment(cluster), options.resolution)
        except FileNotFoundError:
            raise LocalClusterError(f"there is no program {program[0]!r}") from None
        return _wait_for(process)


def get_mysql(_options: Options) -> int:
    """Fetch a MySQL server."""
    with _progress() as tell:
        server = have_server(tell)
    _out.print(f"MySQL {server.version} is here")
    return 0


@contextmanager
def _cluster_for_run(options: Options) -> Iterator[LocalCluster]:
    if places.running(options.name):
        yield LocalCluster.attach(options.name)
        return
    with _progress() as tell:
        cluster = _new_cluster(options, tell)
        cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


_SETTINGS = (
    *("engine", "deployment", "instances", "name", "port", "user", "password", "database", "tls", "iam", "iam_user"),
    *("postgres_bin", "postgres_version", "mysql_bin"),
)


def _new_cluster(options: Options, tell: Callable[[str], None]) -> LocalCluster:
    if options.engine == "mysql" and options.mysql_bin is None:
        have_server(tell)
    given = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    return LocalCluster(resolution="none", progress=tell, **given)


def _wait_for(process: Any) -> int:
    """Return the program's exit status; the signals a terminal sends are the program's to handle."""
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    terminate = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        code: int = process.wait()
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)
    return code if code >= 0 else 128 - code


def _on_instance(name: str) -> Callable[[Options], int]:
    method = {"start": "start_instance"}.get(name, name.replace("-", "_"))

    def run(options: Options) -> int:
        getattr(LocalCluster.attach(options.name), method)(options.instance)
        _out.print(f"{name} {options.instance}: done")
        return 0

    return run


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    with _err.status("starting") as spinner:

        def tell(text: str) -> None:
            spinner.update(text)
            if not _err.is_terminal:
                _err.print(text, markup=False)

        yield tell


def _show_endpoints(cluster: LocalCluster) -> None:
    for what, text in directions(cluster):
        _out.print(f"{what:8} {text}", markup=False)


def _remove_stale(name: str) -> bool:
    left = places.stale(name)
    for place in left:
        _err.print(f"removing what is left of a cluster {name!r} that was killed: {place.directory}", markup=False)
        reaper.clean_up(place.directory, place.directory / "hosts")
    return bool(left)


if __name__ == "__main__":
    sys.exit(main())
