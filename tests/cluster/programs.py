"""Programs in processes of their own that connect as the tests do."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
