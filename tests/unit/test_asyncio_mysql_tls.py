"""What aiomysql takes for `ssl`, its monitors and probes take too; the servers are sockets with a script."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.core.io import BlockingIo, run
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.driver.contract import Peer
from aws_advanced_python_wrapper.errors import AwsWrapperError
from support.mysql_tokens import TOKEN, TokenServer, Way, write_authorities
from support.playing_server import serving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the only authority that this machine trusts for the time of a test."""
    file = write_authorities(tmp_path)[True]
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


@pytest.fixture(params=["aiomysql", "monitor of aiomysql"])
def way(request: pytest.FixtureRequest, trusted: Path) -> Way:
    return Way(request.param, {True: trusted})


def options(way: Way, **given: Any) -> dict[str, Any]:
    adapter = way.adapter.blocking() if way.name.startswith("monitor") else way.adapter
    return dict(adapter.options(way.plain_settings(**given)))


def test_true_is_a_context_that_trusts_whom_the_machine_trusts(way: Way) -> None:
    server = TokenServer(offers_tls=True)
    with serving(server) as at_server:
        way.play(at_server.port, ssl=True)
    assert TOKEN.encode() + b"\0" in server.told[0]


def test_a_probe_logs_in_over_tls_too(way: Way) -> None:
    server = TokenServer(offers_tls=True)
    with serving(server) as at_server:
        probe = way.adapter.probe(way.settings(ssl=True), "localhost", Peer("127.0.0.1", at_server.port))
        try:
            assert run(probe.check(BlockingIo(), Deadline.after(30)))
        finally:
            probe.close()


def test_all_connections_have_one_context_until_the_authorities_change(way: Way, trusted: Path) -> None:
    first = options(way, ssl=True)["ssl"]
    assert first.verify_mode is ssl.CERT_REQUIRED
    assert first.check_hostname
    assert options(way, ssl=True)["ssl"] is first
    os.utime(trusted, ns=(0, 0))
    assert options(way, ssl=True)["ssl"] is not first


def test_a_context_stays_as_it_is(way: Way) -> None:
    context = ssl.create_default_context()
    assert options(way, ssl=context)["ssl"] is context


@pytest.mark.parametrize("nothing", [None, False])
def test_no_context_is_no_tls_and_nothing_for_a_token(way: Way, nothing: object) -> None:
    assert "ssl" not in options(way, ssl=nothing)
    with pytest.raises(AwsWrapperError, match="ssl: a token is sent over TLS only"):
        way.settings(ssl=nothing)


@pytest.mark.parametrize("other", [{"ca": "file.pem", "password": "hidden"}, {}, 1])
def test_anything_else_is_refused(way: Way, other: object) -> None:
    with pytest.raises(AwsWrapperError, match=r"Parameter ssl: .* (dict|int) is not accepted") as raised:
        options(way, ssl=other)
    assert "hidden" not in str(raised.value)
