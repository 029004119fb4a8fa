"""Nothing that goes wrong with a supervisor makes its owner wait for ever, or outlives the owner."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError, launch, places
from aws_advanced_python_wrapper.local.launch import Control, Launched
from aws_advanced_python_wrapper.local.places import Place
from aws_advanced_python_wrapper.local.settings import Delays, Settings
from aws_advanced_python_wrapper.local.supervisor.__main__ import reaper_at_work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Place]:
    """Return a new place with a card and a log."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = places.new_place("demo")
    made.card.write_text(json.dumps({"pid": 4321}))
    made.log.write_text("its last words")
    yield made
    shutil.rmtree(made.directory, ignore_errors=True)


@contextmanager
def deaf_supervisor(place: Place) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place.socket))
        server.listen(0)
        yield


def assert_it_tells_what_to_do(error: LocalClusterError) -> None:
    for told in ("process 4321", "did not finish 'failover' within 0.05 s", "Kill it with SIGKILL", "its last words"):
        assert told in str(error)


def test_a_supervisor_that_does_not_answer_is_given_up(place: Place) -> None:
    with deaf_supervisor(place), pytest.raises(LocalClusterError) as given_up:
        Control(place.socket, patience=0.05).call("failover", to=None)
    assert_it_tells_what_to_do(given_up.value)


def test_a_supervisor_at_which_others_wait_already_is_given_up(place: Place) -> None:
    with ExitStack() as others:
        others.enter_context(deaf_supervisor(place))
        try:
            while True:
                other = others.enter_context(socket.socket(socket.AF_UNIX))
                other.setblocking(False)
                other.connect(str(place.socket))
        except BlockingIOError:
            pass
        with pytest.raises(LocalClusterError) as given_up:
            Control(place.socket, patience=0.05).call("failover", to=None)
    assert_it_tells_what_to_do(given_up.value)


def test_a_supervisor_that_is_gone_is_told_apart(place: Place) -> None:
    with pytest.raises(LocalClusterError, match="the cluster is not running"):
        Control(place.socket, patience=0.05).call("status")


def test_an_answer_may_take_as_long_as_the_delays_make_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Control, "call", lambda *_, **__: None)
    cluster = LocalCluster(hang_detection=600)
    cluster._place = Place(tmp_path)
    assert cluster._control.patience > 700
    cluster.set_delays(hang_detection=1, rejoin_delay=5000)
    assert cluster._control.patience > 5000
    cluster.set_delays(topology_delay={"demo-instance-1": 9000.0})
    assert cluster._control.patience > 14000
    cluster.set_delays(dns_delay=float("inf"))
    with socket.socket() as conversation:
        conversation.settimeout(cluster._control.patience)
    cluster.restore()
    assert 700 < cluster._control.patience < 5000
    assert Delays(topology_delay={}).total < Delays().total


@pytest.mark.parametrize(("engine", "driver"), [("postgresql", "psycopg"), ("mysql", "aiomysql")])
def test_what_is_missing_is_told_with_the_extra_that_has_it(
    monkeypatch: pytest.MonkeyPatch, engine: str, driver: str
) -> None:
    monkeypatch.setattr(launch, "find_spec", lambda name: None if name == driver else name)
    cluster = LocalCluster(engine=engine, resolution="none")
    for use in (cluster.start, lambda: cluster.connect_directly("one")):
        with pytest.raises(LocalClusterError, match=rf"needs {driver}: pip install '.*\[local\]'"):
            use()


def test_what_aws_lacks_is_told_with_both_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "find_spec", lambda name: None if name == "moto" else name)
    with pytest.raises(LocalClusterError, match=r"needs moto: pip install '.*\[local,local-aws\]'"):
        LocalCluster(iam=True, resolution="none").start()
    launch.require_the_extra("postgresql")


def starting(place: Place, reading: int) -> tuple[Launched, Any]:
    """Return a supervisor that is being waited for, and what it says."""
    output = os.fdopen(reading, "rb")
    process: Any = SimpleNamespace(stdout=output)
    launched = Launched.__new__(Launched)
    launched.place, launched._process, launched._patience = place, process, 0.05
    return launched, output


def test_a_start_that_makes_no_progress_is_given_up(place: Place) -> None:
    reading, writing = os.pipe()
    launched, output = starting(place, reading)
    os.write(writing, b'{"progress": "creating the database"}\n{"progress": "copying')
    heard: list[str] = []
    with output, pytest.raises(LocalClusterError) as given_up:
        launched._listen(heard.append)
    os.close(writing)
    assert heard == ["creating the database"]
    for told in ("nothing happened for 0.05 s", "creating the database", "start_timeout", "its last words"):
        assert told in str(given_up.value)


def test_what_a_supervisor_says_may_come_in_pieces(place: Place) -> None:
    program = """
import os
for piece in ('{"progress": "one"}\\n{"prog', 'ress": "two"}\\n{"ready"', ': {"port": 7}}\\n'):
    os.write(1, piece.encode())
    os.read(0, 1)
"""
    heard: list[str] = []
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        launched = Launched.__new__(Launched)
        launched.place, launched._process, launched._patience = place, process, 20
        assert process.stdin is not None
        process.stdin.write(b"..")
        process.stdin.flush()
        assert launched._listen(heard.append) == {"port": 7}
        process.stdin.close()
    assert heard == ["one", "two"]


def test_a_supervisor_that_ends_early_leaves_its_log(place: Place) -> None:
    reading, writing = os.pipe()
    launched, output = starting(place, reading)
    os.close(writing)
    with output, pytest.raises(LocalClusterError, match="ended before it was up:\nits last words"):
        launched._listen(print)


@pytest.mark.parametrize("detached", [False, True])
def test_a_supervisor_that_dies_before_its_reaper_is_there_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, detached: bool
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(launch, "_SUPERVISOR", "json.no_such_module")
    launched = Launched(Settings(), None, detached=detached)
    with pytest.raises(LocalClusterError, match="supervisor ended before it was up"):
        launched.wait_ready(print)
    assert not launched.place.directory.exists()


def test_a_place_that_stays_behind_is_no_reason_to_hide_why(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    monkeypatch.setattr(launch, "_PATIENCE", 0.05)
    monkeypatch.setattr(launch, "_SUPERVISOR", "json.no_such_module")
    monkeypatch.setattr(launch, "new_place", lambda _: place)
    held = places.lock(place.lock)
    with pytest.raises(LocalClusterError, match="supervisor ended before it was up"):
        Launched(Settings(), None, detached=True).wait_ready(print)
    places.unlock(held)


def test_a_place_that_no_supervisor_ever_locked_is_forsaken_after_a_while(place: Place) -> None:
    place.card.unlink()
    assert places.forsaken() == [], "its supervisor may be on the way"
    os.utime(place.private, (0, 0))
    assert places.forsaken() == [place]
    held = places.lock(place.lock)
    os.utime(place.private, (0, 0))
    assert places.forsaken() == []
    places.unlock(held)


def test_a_fork_that_lives_on_does_not_keep_a_place_locked(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from aws_advanced_python_wrapper.local import places
path = Path(sys.argv[1])
places.lock(path)
if os.fork():
    sys.stdin.read(1)
    os._exit(0)
print(places.is_locked(path), flush=True)
sys.stdin.read()
"""
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        assert owner.stdout.readline() == "True\n", "while the owner lives, its place is locked"
        owner.kill()
        owner.wait()
        assert not places.is_locked(path), "the fork lives on and waits for the end of its input"


def test_the_reaper_cleans_up_when_the_supervisor_stumbles(place: Place) -> None:
    with pytest.raises(ZeroDivisionError), reaper_at_work(place, place.directory / "hosts"):
        raise ZeroDivisionError
    assert not place.directory.exists()
