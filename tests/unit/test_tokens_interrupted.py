"""A program that is interrupted while the C extension is told how to tell a token hears of it, and does not crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import support
from support.mysql_tokens import TokenServer
from support.playing_server import serving

pytest.importorskip("_mysql_connector")

PROGRAM = """
import signal, sys, traceback
from aws_advanced_python_wrapper.driver.mysql_connector import client_library
from support.mysql_tokens import Way

port, moment = int(sys.argv[1]), sys.argv[2]
require_tls = client_library.require_tls

def require_and_be_interrupted(connection):
    if moment == "at first":
        signal.raise_signal(signal.SIGINT)
    require_tls(connection)
    if moment == "at last":
        signal.raise_signal(signal.SIGINT)
    if moment == "by an exit":
        sys.exit(3)

client_library.require_tls = require_and_be_interrupted
way = Way("mysql-c", {})
try:
    way.play(port)
except (KeyboardInterrupt, SystemExit) as error:
    print(type(error).__name__, error.args)
    objects = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
    (connection,) = {object for object in objects if hasattr(object, "_cmysql")}
    print("connected" if connection.is_connected() else "closed")
client_library.require_tls = require_tls
way.play(port)
print("opened")
"""


@pytest.mark.parametrize(
    ("moment", "raised"),
    [("at first", "KeyboardInterrupt ()"), ("at last", "KeyboardInterrupt ()"), ("by an exit", "SystemExit (3,)")],
)
@pytest.mark.parametrize("offers_tls", [True, False])
def test_an_interruption_is_raised_once_the_extension_has_gone_on(moment: str, raised: str, offers_tls: bool) -> None:
    first, second = TokenServer(offers_tls=offers_tls), TokenServer(offers_tls=True)
    path = os.pathsep.join([str(Path(support.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    with serving(first, second) as server:
        command = [sys.executable, "-c", PROGRAM, str(server.port), moment]
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, [raised, "closed", "opened"], "")
    assert first.heard_the_token is (offers_tls and moment != "at first")
    assert second.heard_the_token
