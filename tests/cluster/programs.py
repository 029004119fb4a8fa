"""Programs in processes of their own that connect as the tests do."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING

from support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.drivers import Driver

_OPENING = """
    import json, operator, os, signal, sys, threading, time
    from importlib import import_module
    from aws_advanced_python_wrapper import AwsWrapperConnection, FailoverSuccessError

    conninfo, target, given, *words = sys.argv[1:]
    module, _, name = target.partition(":")
    of_driver = operator.attrgetter(name)(import_module(module))

    def connect(**arguments):
        arguments = {"autocommit": True, **json.loads(given), **arguments}
        return AwsWrapperConnection.connect(of_driver, conninfo, **arguments)

    def ask(connection, query):
        cursor = connection.cursor()
        cursor.execute(query)
        ((answer,),) = cursor.fetchall()
        return answer
    """


def connecting(code: str) -> str:
    """Return the code of a program in which there are `connect(...)`, `ask(connection, query)` and `words`."""
    return textwrap.dedent(_OPENING) + textwrap.dedent(code)


def arguments(conninfo: str, driver: Driver, *words: object) -> list[str]:
    """Return what such a program is called with."""
    return [conninfo, driver.target, json.dumps(dict(driver.arguments)), *map(str, words)]


def command(code: str, conninfo: str, driver: Driver, *words: object) -> list[str]:
    """Return the command that runs such a program."""
    return [sys.executable, "-c", connecting(code), *arguments(conninfo, driver, *words)]


@contextmanager
def talking(words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program that tells by a line that it is ready, and reads a line before it goes on."""
    with subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            assert process.stdout.readline().strip() == "ready"
            yield process
        finally:
            process.kill()


def told_at_the_end(process: subprocess.Popen[str]) -> str:
    """Let such a program go on to its end, and return what it tells meanwhile."""
    told, _ = process.communicate("go on\n", timeout=PATIENCE)
    assert process.returncode == 0
    return told.strip()
