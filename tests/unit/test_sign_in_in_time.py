"""How long signing in may take: as long as it may take to connect, which each driver knows for itself."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from aws_advanced_python_wrapper.core.asyncio_io import AsyncioIo
from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.opening import session_for
from aws_advanced_python_wrapper.core.plugin import Plugin
from aws_advanced_python_wrapper.core.sign_in import SignIn, SignInError
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.errors import AwsWrapperError
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened
    from aws_advanced_python_wrapper.core.plugin import ConnectNext
    from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings
    from support.aws_api import Aws

MODULES = ["mysql.connector", "mysql.connector.aio", "aiomysql"]
DEFAULT = 10  # s, with MySQL


class Noting(SignIn):
    """Has no credentials, and notes how long it might have looked for some, and what the driver would be told."""

    seconds: float
    arguments: dict[str, Any]

    @property
    def key(self) -> str:
        return "noting"

    async def credentials(self, request: CredentialsRequest) -> None:
        Noting.seconds = request.deadline.remaining()
        Noting.arguments = request.settings.driver
        raise SignInError("enough")

    def at_hand(self, settings: Settings, host: HostInfo) -> None:
        del settings, host


class Signing(Plugin):
    code = "signing"

    @classmethod
    def sign_in(cls, settings: Settings, adapter: DriverAdapter) -> SignIn:
        del settings, adapter
        return Noting()


class InAFailover(Signing):
    """Connects as a failover does that has long."""

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        del proceed
        return await self.session.open(host, below=self, deadline=Deadline.after(300))


def connect_with(connect: Any, io: Any = None, **arguments: Any) -> None:
    """Open a session, which is not to succeed."""
    is_asyncio = connect.__module__.startswith(("aiomysql", "mysql.connector.aio"))
    io = io or (AsyncioIo() if is_asyncio else BlockingIo())

    async def scenario() -> None:
        session = await session_for(connect, "", arguments, io, asynchronous=is_asyncio)
        await session.connect()

    with pytest.raises(AwsWrapperError, match=r"enough|within the time allowed for connecting"):
        asyncio.run(scenario()) if is_asyncio else run(scenario())


def time_to_sign_in(connect: Any, plugin: type[Plugin] = Signing, **arguments: Any) -> float:
    given = {} if "option_files" in arguments else {"host": "127.0.0.1", "port": 1, "user": "jane"}
    connect_with(connect, plugins=[plugin], **given, **arguments)
    return Noting.seconds


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("plugin", [Signing, InAFailover])
def test_it_ends_with_the_time_for_connecting(name: str, plugin: type[Plugin]) -> None:
    connect = pytest.importorskip(name).connect
    assert time_to_sign_in(connect, plugin) <= DEFAULT
    assert time_to_sign_in(connect, plugin, connect_timeout=3) <= 3
    assert time_to_sign_in(connect, plugin, connect_timeout=0) > DEFAULT


@pytest.mark.parametrize("name", MODULES)
def test_a_failover_gives_a_host_no_longer_than_a_program_would(name: str) -> None:
    connect = pytest.importorskip(name).connect
    for given, wanted in (({}, DEFAULT), ({"connect_timeout": 3}, 3)):
        time_to_sign_in(connect, InAFailover, **given)
        assert Noting.arguments["connect_timeout"] == wanted


def test_an_option_file_tells_it_too(tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[client]\nhost=127.0.0.1\nport=1\nuser=jane\nconnect_timeout=4\n")
    assert time_to_sign_in(pytest.importorskip("mysql.connector").connect, option_files=str(file)) <= 4


def test_without_a_limit_for_connecting_there_is_none_for_signing_in() -> None:
    assert time_to_sign_in(psycopg.connect) == math.inf
    assert time_to_sign_in(psycopg.connect, connect_timeout=3) <= 3
    assert time_to_sign_in(pytest.importorskip("mysql.connector").connect, connect_timeout=0) == math.inf


class Impatient:
    """Notes for how long it was to wait, and does not."""

    seconds: float

    def set(self) -> None:
        """Nobody waits."""

    async def wait(self, timeout: float) -> bool:
        Impatient.seconds = timeout
        return False


class ImpatientIo(BlockingIo):
    def event(self) -> Any:
        return Impatient()


def test_a_secret_that_tells_the_host_is_waited_for_no_longer_either(aws: Aws) -> None:
    del aws
    connect = pytest.importorskip("mysql.connector").connect
    connect_with(connect, ImpatientIo(), plugins="aws_secrets_manager", secrets_manager_secret_id="x")
    assert Impatient.seconds <= DEFAULT
    eventually(lambda: not any(thread.name.startswith("sign-in: The secret") for thread in threading.enumerate()))
