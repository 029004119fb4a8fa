"""What a MySQL client and its server hear of each other while the client logs in through the proxy."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from aws_advanced_python_wrapper.local.proxy.mysql.packets import Capability, Greeting
from support.mysql_wire import (
    ANSWERED,
    ASK_AURORA,
    OFFERED,
    OK,
    OTHERS,
    SCRAMBLE,
    RecordingWire,
    answer,
    greeting,
    logged_in,
    packet,
    ssl_request,
)


@pytest.mark.parametrize("offers_tls", [True, False])
def test_the_client_is_offered_tls_by_the_proxy_and_no_compression_that_it_does_not_know(offers_tls: bool) -> None:
    for offered in (OFFERED, OTHERS):
        wire = RecordingWire(offers_tls=offers_tls)
        wire.dialogue.from_server(packet(0, greeting(offered)))
        read = Greeting.parse(wire.client[4:])
        assert read is not None
        expected = offered & ~Capability.ZSTD & ~Capability.SSL | (Capability.SSL if offers_tls else 0)
        assert read.capabilities == expected
        assert read.scramble == SCRAMBLE
        assert wire.client == packet(0, greeting(expected))


def test_the_server_hears_nothing_of_tls() -> None:
    wire = RecordingWire()
    wire.dialogue.from_server(packet(0, greeting()))
    wire.dialogue.from_client(packet(1, ssl_request()))
    assert wire.encrypted
    assert wire.heard_by_server() == b""
    wire.dialogue.from_client(packet(2, answer(OTHERS | Capability.SSL | Capability.COMPRESS)))
    assert wire.heard_by_server() == packet(1, answer(OTHERS))
    wire.heard_by_client()
    wire.dialogue.from_server(packet(2, b"\x01\x04"))
    assert wire.heard_by_client() == packet(3, b"\x01\x04")
    wire.dialogue.from_client(packet(4, b"secret\0"))
    assert wire.heard_by_server() == packet(3, b"secret\0")
    assert wire.logins == 0
    wire.dialogue.from_server(packet(4, OK))
    assert wire.heard_by_client() == packet(5, OK)
    assert wire.logins == 1


def test_the_hello_of_tls_may_come_together_with_the_request() -> None:
    wire = RecordingWire()
    wire.dialogue.from_server(packet(0, greeting()))
    wire.dialogue.from_client(packet(1, ssl_request()) + packet(2, answer()))
    assert wire.heard_by_server() == packet(1, answer())


def test_a_login_may_come_in_any_pieces() -> None:
    wire = RecordingWire()
    switch = packet(2, b"\xfenew_plugin\0" + SCRAMBLE + b"\0")
    end = packet(4, OK) + packet(1, b"more")
    said = [packet(0, greeting()), packet(1, answer()), switch, packet(3, b"proof"), end]
    for number, words in enumerate(said):
        tell = wire.dialogue.from_client if number % 2 else wire.dialogue.from_server
        for at in range(len(words)):
            tell(words[at : at + 1])
    assert wire.server == said[1] + said[3]
    assert wire.client.endswith(switch + end)
    assert wire.logins == 1


def test_a_client_may_speak_before_it_is_greeted() -> None:
    wire = RecordingWire()
    wire.dialogue.from_client(packet(1, answer()))
    assert wire.server == b""
    wire.dialogue.from_server(packet(0, greeting()))
    assert wire.server == packet(1, answer())


def test_a_server_that_is_full_says_so_itself() -> None:
    wire = RecordingWire()
    full = packet(0, b"\xff\x10\x04Too many connections")
    wire.dialogue.from_server(full)
    assert wire.client == full
    assert wire.logins == 0


def test_a_login_that_fails_is_none() -> None:
    wire = RecordingWire()
    wire.dialogue.from_server(packet(0, greeting()))
    wire.dialogue.from_client(packet(1, ssl_request()) + packet(2, answer()))
    wire.heard_by_client()
    wire.dialogue.from_server(packet(2, b"\xff\x15\x04#28000Access denied"))
    assert wire.client == packet(3, b"\xff\x15\x04#28000Access denied")
    assert wire.logins == 0


def test_required_tls_turns_plain_clients_away_in_the_servers_own_words() -> None:
    wire = RecordingWire(requires_tls=True)
    wire.dialogue.from_server(packet(0, greeting()))
    wire.heard_by_client()
    wire.dialogue.from_client(packet(1, answer()))
    assert wire.refused
    assert wire.server == b""
    assert wire.client[3:].startswith(b"\x02\xff" + struct.pack("<H", 3159) + b"#HY000Connections using insecure")


def full_authentication(wire: RecordingWire, sequence: int, password: bytes) -> None:
    """Log in without TLS at a server that does not remember the user, as far as the server's verdict."""
    wire.dialogue.from_server(packet(sequence, b"\x01\x04"))
    wire.heard_by_client()
    wire.heard_by_server()
    wire.dialogue.from_client(packet(sequence + 1, b"\x02"))
    heard = wire.heard_by_client()
    assert heard[3:5] == bytes([sequence + 2, 1])
    key = serialization.load_pem_public_key(heard[5:])
    assert isinstance(key, rsa.RSAPublicKey)
    mixed = bytes(a ^ b for a, b in zip(password + b"\0", SCRAMBLE * 3, strict=False))
    hidden = key.encrypt(mixed, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))  # noqa: S303
    wire.dialogue.from_client(packet(sequence + 3, hidden))
    assert wire.heard_by_server() == packet(sequence + 1, password + b"\0")
    wire.dialogue.from_server(packet(sequence + 2, OK))
    assert wire.heard_by_client() == packet(sequence + 4, OK)


def test_without_tls_a_password_is_encrypted_for_the_proxy() -> None:
    wire = RecordingWire(offers_tls=False)
    wire.dialogue.from_server(packet(0, greeting()))
    wire.dialogue.from_client(packet(1, answer()))
    full_authentication(wire, 2, b"a secret that is longer than the scramble")


def test_a_password_that_cannot_be_decrypted_is_wrong() -> None:
    wire = RecordingWire(offers_tls=False)
    wire.dialogue.from_server(packet(0, greeting()))
    wire.dialogue.from_client(packet(1, answer()))
    wire.dialogue.from_server(packet(2, b"\x01\x04"))
    wire.dialogue.from_client(packet(3, b"\x02"))
    wire.heard_by_server()
    wire.dialogue.from_client(packet(5, b"x" * 256))
    assert wire.server == packet(3, b"\0")


def test_another_user_may_log_in_on_the_same_connection() -> None:
    wire = logged_in()
    change = packet(0, b"\x11jane\0")
    wire.dialogue.from_client(change[:7])
    wire.dialogue.from_client(change[7:])
    assert wire.heard_by_server() == change
    switch = packet(1, b"\xfecaching_sha2_password\0" + SCRAMBLE + b"\0")
    wire.dialogue.from_server(switch)
    assert wire.heard_by_client() == switch
    wire.dialogue.from_client(packet(2, b"proof"))
    full_authentication(wire, 3, b"secret")
    wire.dialogue.from_client(packet(0, b"\x03" + ASK_AURORA))
    assert wire.server == packet(0, b"\x03" + ANSWERED)
