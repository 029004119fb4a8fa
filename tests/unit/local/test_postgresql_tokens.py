"""What a PostgreSQL client and its server hear of each other where a user of IAM logs in through the proxy."""

from __future__ import annotations

import struct
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.local.proxy.certificates import Authority
from aws_advanced_python_wrapper.local.proxy.postgresql.dialogue import PostgresqlDialogue
from support.proxied import TlsClient, connect, proxied, run, until

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

TOKEN = "token" * 500


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def startup(**words: str) -> bytes:
    body = struct.pack("!I", 196608) + b"".join(f"{key}\0{word}\0".encode() for key, word in words.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


STARTUP = startup(user="jane", database="app")
AUTHENTICATED, ASK = message(b"R", bytes(4)), message(b"R", struct.pack("!I", 3))
SESSION = message(b"S", b"server_version\x0016\0") + message(b"Z", b"I")
SASL = message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0")
NEGOTIATION = message(b"v", struct.pack("!II", 196608, 0))
RIGHT, WRONG = message(b"p", TOKEN.encode() + b"\0"), message(b"p", b"wrong\0")
QUERY = message(b"Q", b"SELECT 1\0")


class Wire:
    """A client in TLS and its server, whose words are kept; the door lets jane in with the token."""

    def __init__(self, *, encrypted: bool = True) -> None:
        self.offers_tls, self.requires_tls, self.encrypted = True, False, encrypted
        self.client, self.server = b"", b""
        self.shown: list[tuple[str, str | None]] = []
        self.refused = False
        self.logins = 0
        self.dialogue = PostgresqlDialogue(self, self.accepts)

    def accepts(self, user: str, token: str | None) -> bool:
        self.shown.append((user, token))
        return (user, token) == ("jane", TOKEN)

    def send_client(self, data: bytes) -> None:
        self.client += data

    def send_server(self, data: bytes) -> None:
        self.server += data

    def start_tls(self, rest: bytes) -> None:
        raise NotImplementedError

    def refuse(self, reply: bytes) -> None:
        self.client += reply
        self.refused = True

    def logged_in(self) -> None:
        self.logins += 1

    def say(self, *words: tuple[Callable[[bytes], None], bytes], size: int) -> None:
        for tell, data in words:
            for at in range(0, len(data), size):
                tell(data[at : at + size])


each_size = pytest.mark.parametrize("size", [1, 7, 10_000])


@each_size
@pytest.mark.parametrize("before", [b"", NEGOTIATION])
def test_a_user_whom_the_server_lets_in_at_once_is_asked_for_a_token(size: int, before: bytes) -> None:
    wire = Wire()
    client, server = wire.dialogue.from_client, wire.dialogue.from_server
    wire.say((client, STARTUP + RIGHT[:3]), (server, before + AUTHENTICATED + SESSION), size=size)
    assert (wire.server, wire.client, wire.logins) == (STARTUP, before + ASK, 0)
    assert wire.dialogue.holds
    wire.say((client, RIGHT[3:] + QUERY), size=size)
    assert wire.client == before + ASK + AUTHENTICATED + SESSION
    assert wire.server == STARTUP + QUERY
    assert wire.shown == [("jane", TOKEN)]
    assert (wire.logins, wire.refused, wire.dialogue.holds) == (1, False, False)
    wire.say((client, QUERY), (server, b"half a mess"), size=size)
    assert wire.server.endswith(QUERY + QUERY)
    assert wire.client.endswith(b"half a mess")


@each_size
def test_a_wrong_token_is_refused_in_the_words_of_rds(size: int) -> None:
    wire = Wire()
    client, server = wire.dialogue.from_client, wire.dialogue.from_server
    wire.say((client, STARTUP), (server, AUTHENTICATED + SESSION), (client, WRONG), size=size)
    assert wire.refused
    assert wire.client.startswith(ASK + b"E")
    assert b'C28000\0MPAM authentication failed for user "jane"\0' in wire.client
    assert SESSION not in wire.client


def test_without_tls_nobody_is_asked_for_a_token() -> None:
    wire = Wire(encrypted=False)
    client, server = wire.dialogue.from_client, wire.dialogue.from_server
    wire.say((client, STARTUP), (server, AUTHENTICATED + SESSION), size=100)
    assert wire.refused
    assert ASK not in wire.client
    text = 'pg_hba.conf rejects connection for host "127.0.0.1", user "jane", database "app", no encryption'
    assert b"C28000\0M" + text.encode() in wire.client
    assert wire.shown == [("jane", None)]


@each_size
@pytest.mark.parametrize("word", [SASL, message(b"E", b"C53300\0\0")])
def test_who_must_prove_it_in_another_way_is_not_asked_for_a_token(size: int, word: bytes) -> None:
    wire = Wire()
    client, server = wire.dialogue.from_client, wire.dialogue.from_server
    wire.say((client, STARTUP), (server, word), (client, RIGHT), (server, AUTHENTICATED + SESSION), size=size)
    assert wire.client == word + AUTHENTICATED + SESSION
    assert wire.server == STARTUP + RIGHT
    assert (wire.shown, wire.logins) == ([], 1)


@pytest.mark.parametrize("said", [QUERY, b"p" + struct.pack("!I", 65_536)])
def test_what_is_no_token_ends_the_connection(said: bytes) -> None:
    wire = Wire()
    client, server = wire.dialogue.from_client, wire.dialogue.from_server
    wire.say((client, STARTUP), (server, AUTHENTICATED + SESSION), (client, said), size=100)
    assert wire.refused
    assert b"C08P01\0" in wire.client
    assert wire.server == STARTUP


def test_what_is_said_before_the_token_does_not_come_to_the_server() -> None:
    wire = Wire()
    client, server = wire.dialogue.from_client, wire.dialogue.from_server
    wire.say((client, STARTUP + QUERY), (server, AUTHENTICATED + SESSION), size=1000)
    assert wire.server == STARTUP
    assert wire.refused


@pytest.mark.parametrize("begun", [struct.pack("!II", 4, 196608) + b"rest", struct.pack("!II", 10_001, 196608)])
def test_a_startup_packet_of_impossible_size_is_left_to_the_server(begun: bytes) -> None:
    wire = Wire()
    wire.say((wire.dialogue.from_client, begun), (wire.dialogue.from_server, b"E whatever"), size=100)
    assert wire.server == begun
    assert wire.client == b"E whatever"


NO_DATABASE = message(b"E", b"SFATAL\0C3D000\0Mno such database\0\0")


@pytest.mark.parametrize("said", [RIGHT, WRONG, b""])
def test_the_end_of_a_server_is_not_told_before_its_last_words(tmp_path: Path, said: bytes) -> None:
    async def refuse_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(STARTUP)) == STARTUP
        writer.write(AUTHENTICATED + NO_DATABASE)
        writer.close()

    async def test() -> None:
        authority = Authority.create(tmp_path)
        speaks = partial(PostgresqlDialogue, accepts=lambda user, token: (user, token) == ("jane", TOKEN))
        async with proxied(refuse_late, authority.server_context(["127.0.0.1"]), speaks) as proxy:
            streams = await connect(proxy)
            client = TlsClient(streams, authority.ca_file, "127.0.0.1")
            await client.handshake()
            await client.send(STARTUP)
            assert await client.receive(len(ASK)) == ASK
            await until(lambda: all(link._late_end for link in proxy._links))
            if said:
                await client.send(said)
                heard = await client.receive(1000)
                assert (heard == AUTHENTICATED + NO_DATABASE) == (said == RIGHT)
                assert (b"PAM authentication failed" in heard) == (said == WRONG)
            streams[1].close()
            with suppress(ConnectionError):
                await streams[1].wait_closed()
            await until(lambda: not proxy._links)

    run(test)
