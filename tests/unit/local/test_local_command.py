"""The command line of `aws-driver-local`, and where clusters keep their files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.local import places
from aws_advanced_python_wrapper.local.command import main, parser

if TYPE_CHECKING:
    from pathlib import Path


def test_every_subcommand_knows_what_to_run() -> None:
    for line in (
        "up --instances 2 --postgres-version 18",
        "up --engine mysql --mysql-bin /usr/sbin",
        "up --iam --iam-user tom",
        "get-mysql",
        "status --name other",
        "failover --to demo-instance-2 --kind hang --wait all",
        "reboot x",
        "pause x",
        "resume x",
        "kill x",
        "start x",
        "add-reader",
        "remove-reader x",
        "run -- psql -c x",
        "down",
    ):
        assert callable(parser().parse_args(line.split()).run)


def test_mistakes_are_said_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--name", "nobody-has-this-name"]) == 1
    assert "aws-driver-local up --name nobody-has-this-name" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])


def test_the_places_of_clusters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = places.new_place("demo")
    try:
        assert len(str(place.socket)) < 100, "also where the directory for temporary files has a long name"
        assert place.private.stat().st_mode & 0o777 == 0o700
        assert place.read_card() == {}
        assert not places.is_locked(place.lock)
        descriptor = places.lock(place.lock)
        assert place.alive
        places.unlock(descriptor)
        assert not place.alive
    finally:
        shutil.rmtree(place.directory)


def test_the_pytest_plugin_imports_nothing_of_the_local_cluster() -> None:
    program = """
import sys
import aws_advanced_python_wrapper.local.pytest_plugin
loaded = [name for name in sys.modules if name.startswith("aws_advanced_python_wrapper.local.")]
assert loaded == ["aws_advanced_python_wrapper.local.pytest_plugin"], loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
