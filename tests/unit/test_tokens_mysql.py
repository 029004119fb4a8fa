"""Tokens for passwords are told to MySQL servers over TLS only, and whole; the servers are sockets with a script."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.core.observation import background_settings
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.catalogue import adapter_for
from aws_advanced_python_wrapper.driver.contract import ONLY_OVER_TLS, ErrorKind, Peer
from aws_advanced_python_wrapper.errors import AwsWrapperError
from support.mysql_tokens import MONITORS, TOKEN, WAYS, TokenServer, Way, write_authorities
from support.playing_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    return write_authorities(tmp_path_factory.mktemp("authorities"))


@pytest.fixture(params=[*WAYS, *MONITORS])
def way(request: pytest.FixtureRequest, authorities: dict[bool, Path]) -> Way:
    return Way(request.param, authorities)


@pytest.fixture(params=WAYS)
def drivers_way(request: pytest.FixtureRequest, authorities: dict[bool, Path]) -> Way:
    return Way(request.param, authorities)


@pytest.fixture
def encrypted() -> TokenServer:
    return TokenServer(offers_tls=True)


@pytest.fixture
def unencrypted() -> TokenServer:
    return TokenServer(offers_tls=False)


@pytest.fixture
def at_encrypted(encrypted: TokenServer) -> Iterator[Server]:
    with serving(encrypted) as server:
        yield server


@pytest.fixture
def at_unencrypted(unencrypted: TokenServer) -> Iterator[Server]:
    with serving(unencrypted) as server:
        yield server


def test_a_long_token_arrives_whole_over_tls_and_nowhere_else(
    way: Way, encrypted: TokenServer, at_encrypted: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    way.play(at_encrypted.port)
    (told,) = encrypted.told
    assert TOKEN.encode() + b"\0" in told
    assert "Action=connect" not in caplog.text


def test_a_certificate_is_checked_where_that_is_wanted(way: Way, encrypted: TokenServer, at_encrypted: Server) -> None:
    way.play(at_encrypted.port, **way.verifying(known=True))
    assert len(encrypted.told) == 1
    with pytest.raises(way.adapter.failures) as raised:
        way.play(at_encrypted.port, **way.verifying(known=False))
    assert way.adapter.classify(raised.value) is ErrorKind.OTHER
    assert len(encrypted.told) == 1


def test_a_server_without_tls_does_not_hear_the_token(
    way: Way, unencrypted: TokenServer, at_unencrypted: Server
) -> None:
    with pytest.raises(way.adapter.failures, match="SSL") as raised:
        way.play(at_unencrypted.port)
    assert not unencrypted.heard_the_token
    assert way.adapter.classify(raised.value) is ErrorKind.OTHER
    assert TOKEN not in repr(raised.value)


def test_nor_does_one_where_a_certificate_was_to_be_checked(
    way: Way, unencrypted: TokenServer, at_unencrypted: Server
) -> None:
    with pytest.raises(way.adapter.failures):
        way.play(at_unencrypted.port, **way.verifying(known=True))
    assert not unencrypted.heard_the_token


def test_a_server_that_has_lost_its_tls_does_not_hear_the_token_when_the_driver_connects_again(
    drivers_way: Way, encrypted: TokenServer, unencrypted: TokenServer
) -> None:
    def reconnect(raw: Any) -> Any:
        if drivers_way.name == "aiomysql":
            raw.close()
            return raw.ping()
        return raw.reconnect()

    with serving(encrypted, encrypted, unencrypted) as server:
        drivers_way.play(server.port, reconnect)
        assert len(encrypted.told) == 2
        with pytest.raises(drivers_way.adapter.failures):
            drivers_way.play(server.port, reconnect)
    assert unencrypted.clients
    assert not unencrypted.heard_the_token


@pytest.mark.parametrize("name", ["mysql_clear_password", "caching_sha2_password", ""])
def test_a_plugin_that_the_program_names_changes_nothing(
    drivers_way: Way, name: str, encrypted: TokenServer, at_encrypted: Server
) -> None:
    drivers_way.play(at_encrypted.port, auth_plugin=name)
    assert len(encrypted.told) == 1


@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure"])
@pytest.mark.parametrize("kind", ["class", "class of the program's"])
def test_classes_of_connections_are_as_good(
    name: str, kind: str, authorities: dict[bool, Path], encrypted: TokenServer, unencrypted: TokenServer
) -> None:
    way = Way(name, authorities)
    drivers = way.module.CMySQLConnection if name == "mysql-c" else way.module.MySQLConnection
    opens = drivers if kind == "class" else type("Own", (drivers,), {})
    way.adapter = adapter_for(opens, asynchronous=False)
    way.given = functools.partial(_without_use_pure, way.given)  # type: ignore[method-assign]
    with serving(encrypted, unencrypted) as server:
        way.play(server.port)
        with pytest.raises(way.adapter.failures):
            way.play(server.port)
    assert encrypted.heard_the_token
    assert unencrypted.clients
    assert not unencrypted.heard_the_token


def _without_use_pure(given: Callable[..., dict[str, Any]], **options: Any) -> dict[str, Any]:
    return {name: value for name, value in given(**options).items() if name != "use_pure"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        *[(name, {"ssl_disabled": True}, "ssl_disabled: a token is sent over TLS only") for name in WAYS[:3]],
        *[(name, {"unix_socket": "/tmp/s"}, "unix_socket: a token is sent over TLS only") for name in WAYS],  # noqa: S108
        *[(name, {"pool_name": "x"}, "pool_name: a pool of the driver's own") for name in WAYS[:2]],
        *[(name, {"pool_size": 2}, "pool_size: a pool of the driver's own") for name in WAYS[:2]],
        ("aiomysql", {"ssl": None}, r"ssl: a token is sent over TLS only. Give ssl=ssl.create_default_context\("),
    ],
)
def test_settings_that_do_not_go_with_a_token_are_told(
    name: str, options: dict[str, Any], message: str, authorities: dict[bool, Path]
) -> None:
    way = Way(name, authorities)
    with pytest.raises(AwsWrapperError, match=f"^{message}") as raised:
        way.settings(**options)
    assert isinstance(raised.value, way.adapter.errors.Error)


@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure", "mysql-aio"])
def test_monitors_do_not_escape_it_by_parameters_of_their_own(name: str, authorities: dict[bool, Path]) -> None:
    way = Way(name, authorities)
    settings = way.settings(**{"monitoring-ssl_disabled": True}).for_monitoring("monitoring-", without=())
    for adapter in (way.adapter, way.adapter.blocking()):
        with pytest.raises(AwsWrapperError, match="ssl_disabled"):
            adapter.arguments(settings, "127.0.0.1", 3306)


@pytest.mark.parametrize("name", ["mysql-c", "mysql-pure", "mysql-aio"])
def test_monitors_with_a_password_of_their_own_send_it_as_they_are_told(
    name: str, authorities: dict[bool, Path]
) -> None:
    way = Way(name, authorities)
    own = {"monitoring-password": "secret", "monitoring-ssl_disabled": True, "auth_plugin": "mysql_native_password"}
    adapter = way.adapter.blocking()
    arguments = adapter.arguments(background_settings(way.settings(**own), adapter, "monitoring-"), "127.0.0.1", 3306)
    assert arguments["password"] == "secret"
    assert arguments["ssl_disabled"] is True
    assert arguments["auth_plugin"] == "mysql_native_password"
    assert ONLY_OVER_TLS not in arguments


@pytest.mark.parametrize("name", WAYS)
def test_a_function_of_the_programs_own_is_refused_as_nobody_knows_what_it_opens(
    name: str, authorities: dict[bool, Path]
) -> None:
    way = Way(name, authorities)

    def opens_what_it_likes(**arguments: Any) -> Any:
        return way.module.connect(**arguments)

    way.adapter.connect = opens_what_it_likes
    with pytest.raises(AwsWrapperError, match=r"^the connect function: a token is sent over TLS only"):
        way.settings()


@pytest.mark.parametrize("offers_tls", [True, False])
def test_a_probe_tells_the_token_over_tls_only(drivers_way: Way, offers_tls: bool) -> None:
    token_server = TokenServer(offers_tls=offers_tls)
    with serving(token_server) as server:
        peer = Peer("127.0.0.1", server.port)
        probe = drivers_way.adapter.probe(drivers_way.settings(), "127.0.0.1", peer)
        assert run(probe.check(BlockingIo(), Deadline.after(10)))
        probe.close()
    assert token_server.clients
    assert token_server.heard_the_token is offers_tls


@pytest.mark.parametrize("offers_tls", [True, False])
def test_an_extension_that_cannot_be_told_to_require_tls_tells_no_token(
    offers_tls: bool, authorities: dict[bool, Path]
) -> None:
    way = Way("mysql-c", authorities)
    from mysql.connector.constants import ClientFlag

    without_attributes = ClientFlag.get_default() & ~ClientFlag.CONNECT_ARGS
    token_server = TokenServer(offers_tls=offers_tls)
    with serving(token_server) as server, pytest.raises(way.adapter.failures):
        way.play(server.port, client_flags=without_attributes)
    assert token_server.clients
    assert not token_server.heard_the_token
