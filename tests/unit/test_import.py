from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

LOOK = """
import json, sys, threading
before = set(sys.modules)
import {module}
print(json.dumps({{"threads": threading.active_count(), "modules": sorted(set(sys.modules) - before)}}))
"""

NOBODYS = ["boto3", "botocore", "opentelemetry", "sqlalchemy", "django", "mysql", "requests", "urllib3", "asyncio"]
NOT_OF_THE_ROOT = [*NOBODYS, "psycopg", "ssl", "xml", "http", "rich", "trustme", "typing_extensions"]


def look(module: str) -> Any:
    command = [sys.executable, "-I", "-W", "error", "-c", LOOK.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("aws_advanced_python_wrapper", NOT_OF_THE_ROOT),
        ("aws_advanced_python_wrapper.failover_plugin", NOT_OF_THE_ROOT),
        ("psycopg, aws_advanced_python_wrapper.psycopg", [name for name in NOBODYS if name != "asyncio"]),
    ],
)
def test_importing_starts_no_thread_and_loads_nothing_that_is_not_needed(module: str, foreign: list[str]) -> None:
    seen = look(module)
    assert seen["threads"] == 1
    loaded = {name.partition(".")[0] for name in seen["modules"]}
    assert loaded & set(foreign) == set()
    assert not any("aws_advanced_python_wrapper.local" in name for name in seen["modules"])


def test_a_program_that_only_imports_ends_at_once_in_a_forked_child_too() -> None:
    program = """
import os, signal, aws_advanced_python_wrapper
child = os.fork()
signal.alarm(10)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-I", "-W", "error", "-c", program], check=True, timeout=60)
