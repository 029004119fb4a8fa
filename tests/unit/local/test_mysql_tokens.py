"""What a MySQL client and its server hear of each other where a user of IAM logs in through the proxy."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.local.proxy.mysql.accounts import put
from aws_advanced_python_wrapper.local.proxy.mysql.claim import Claim
from aws_advanced_python_wrapper.local.proxy.mysql.compression import Compression
from aws_advanced_python_wrapper.local.proxy.mysql.packets import Capability
from support.mysql_wire import OK, OTHERS, SCRAMBLE, RecordingWire, greeting, packet, ssl_request

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = OTHERS | Capability.LONG_PROOFS
SHA2, CLEAR, NATIVE = b"caching_sha2_password", b"mysql_clear_password", b"mysql_native_password"
TOKEN = b"token" * 500
SWITCH_TO_CLEAR = b"\xfe" + CLEAR + b"\0"
DENIED = b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied for user 'jane'@'localhost' (using password: %s)"


class Door:
    """Lets jane in with the token, and keeps what was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str | None]] = []

    def __call__(self, user: str, token: str | None) -> bool:
        self.shown.append((user, token))
        return (user, token) == ("jane", TOKEN.decode())


def answer(
    proof: bytes = b"p" * 32, plugin: bytes = SHA2, flags: int = LONG, user: bytes = b"jane", rest: bytes = b"rest"
) -> bytes:
    """Return a client's answer to the greeting; what is behind the plugin is no matter of the proxy's."""
    count = b"\xfc" + struct.pack("<H", len(proof)) if len(proof) > 250 else bytes([len(proof)])
    database = b"app\0" if flags & Capability.CONNECT_WITH_DATABASE else b""
    begin = struct.pack("<IIB", flags, 1 << 24, 255) + bytes(23)
    return begin + user + b"\0" + count + proof + database + plugin + b"\0" + rest


def change(proof: bytes, plugin: bytes, user: bytes = b"jane") -> bytes:
    return b"\x11" + user + b"\0" + bytes([len(proof)]) + proof + b"app\0\x2d\0" + plugin + b"\0rest"


def greeted(*, tls: bool = True, accepts: Callable[[str, str | None], bool] | None = None) -> RecordingWire:
    wire = RecordingWire(accepts=accepts)
    wire.dialogue.from_server(packet(0, greeting()))
    if tls:
        wire.dialogue.from_client(packet(1, ssl_request()))
    wire.heard_by_client()
    return wire


def test_a_user_whom_the_server_lets_in_at_once_is_asked_for_a_token() -> None:
    wire = greeted(accepts=(door := Door()))
    wire.dialogue.from_client(packet(2, answer()))
    assert wire.heard_by_server() == packet(1, answer())
    wire.dialogue.from_server(packet(2, OK))
    assert wire.heard_by_client() == packet(3, SWITCH_TO_CLEAR)
    assert (door.shown, wire.logins) == ([], 0)
    said = packet(4, TOKEN + b"\0") + packet(0, b"\x03SELECT 1")
    wire.dialogue.from_client(said[:100])
    wire.dialogue.from_client(said[100:])
    assert wire.heard_by_client() == packet(5, OK)
    assert wire.heard_by_server() == packet(0, b"\x03SELECT 1")
    assert (door.shown, wire.logins, wire.refused) == ([("jane", TOKEN.decode())], 1, False)


@pytest.mark.parametrize(("said", "using"), [(b"wrong\0", b"YES"), (b"\0", b"NO"), (b"", b"NO")])
def test_a_wrong_token_is_refused_in_the_servers_own_words(said: bytes, using: bytes) -> None:
    wire = greeted(accepts=Door())
    wire.dialogue.from_client(packet(2, answer()))
    wire.dialogue.from_server(packet(2, OK))
    wire.heard_by_client()
    wire.dialogue.from_client(packet(4, said))
    assert wire.client == packet(5, DENIED % using)
    assert (wire.refused, wire.logins) == (True, 0)


def test_a_token_may_come_unasked_and_does_not_go_to_the_server() -> None:
    wire = greeted(accepts=Door())
    wire.dialogue.from_client(packet(2, answer(TOKEN + b"\0", CLEAR)))
    assert TOKEN not in wire.heard_by_server()
    wire.dialogue.from_server(packet(2, OK))
    assert wire.heard_by_client() == packet(3, OK)
    assert wire.logins == 1


@pytest.mark.parametrize("plugin", [SHA2, CLEAR])
def test_without_tls_nobody_is_asked_for_a_token(plugin: bytes) -> None:
    wire = greeted(tls=False, accepts=(door := Door()))
    wire.dialogue.from_client(packet(1, answer(TOKEN + b"\0", plugin)))
    wire.dialogue.from_server(packet(2, OK))
    assert wire.client == packet(2, DENIED % b"YES")
    assert wire.refused
    assert door.shown == [("jane", None)]


def test_a_user_with_a_password_is_not_asked_for_a_token() -> None:
    wire = greeted(accepts=(door := Door()))
    wire.dialogue.from_client(packet(2, answer()))
    for number, word in ((2, b"\x01\x03"), (3, OK)):
        wire.dialogue.from_server(packet(number, word))
        assert wire.heard_by_client() == packet(number + 1, word)
    assert (door.shown, wire.logins) == ([], 1)


@pytest.mark.parametrize("verdict", [OK, b"\xff\x15\x04#28000Access denied"])
def test_a_user_who_must_prove_it_in_another_way_is_not_asked_for_a_token(verdict: bytes) -> None:
    wire = greeted(accepts=(door := Door()))
    wire.dialogue.from_client(packet(2, answer(b"secret\0", CLEAR)))
    switch = b"\xfe" + SHA2 + b"\0" + SCRAMBLE + b"\0"
    wire.dialogue.from_server(packet(2, switch))
    wire.dialogue.from_client(packet(4, b"p" * 32))
    wire.dialogue.from_server(packet(4, verdict))
    assert wire.client == packet(3, switch) + packet(5, verdict)
    assert door.shown == []


@pytest.mark.parametrize("flags", [OTHERS, LONG, LONG | Capability.CONNECT_WITH_DATABASE])
@pytest.mark.parametrize(
    ("proof", "plugin", "sent"),
    [
        (b"p" * 32, SHA2, (b"p" * 32, SHA2)),
        (b"", SHA2, (b"x", SHA2)),
        (b"\0", SHA2, (b"x", SHA2)),
        (b"p" * 20, NATIVE, (b"x", CLEAR)),
        (b"secret\0", CLEAR, (b"x", CLEAR)),
        (b"", b"", (b"x", CLEAR)),
    ],
)
def test_nobody_with_a_password_comes_in_at_once(
    flags: int, proof: bytes, plugin: bytes, sent: tuple[bytes, bytes]
) -> None:
    wire = greeted(tls=False, accepts=Door())
    wire.dialogue.from_client(packet(1, answer(proof, plugin, flags)))
    assert wire.server == packet(1, answer(*sent, flags))
    wire = greeted(tls=False)
    wire.dialogue.from_client(packet(1, answer(proof, plugin, flags)))
    assert wire.server == packet(1, answer(proof, plugin, flags))


def test_an_old_client_is_asked_for_a_token_too() -> None:
    wire = greeted(accepts=Door())
    old = answer(b"p" * 20, b"", LONG & ~Capability.PLUGINS, rest=b"")[:-1]
    wire.dialogue.from_client(packet(2, old))
    assert wire.server == packet(1, old)
    wire.dialogue.from_server(packet(2, OK))
    assert wire.client == packet(3, SWITCH_TO_CLEAR)


@pytest.mark.parametrize("cut", range(0, 64, 3))
def test_a_damaged_answer_does_no_harm(cut: int) -> None:
    body = answer(b"p" * 20, rest=b"")
    for claim in (Claim.of_answer(body[:cut], LONG), Claim.of_change(body[32 : 32 + cut], LONG)):
        assert claim.token is None
        assert claim.disarmed()


def logged_in(door: Door, *, compress: bool = False) -> RecordingWire:
    wire = greeted(accepts=door)
    flags = LONG | Capability.COMPRESS if compress else LONG
    wire.dialogue.from_client(packet(2, answer(user=b"admin", flags=flags)))
    wire.dialogue.from_server(packet(2, b"\x01\x03") + packet(3, OK))
    wire.heard_by_server()
    wire.heard_by_client()
    return wire


def test_who_changes_to_a_user_of_iam_is_asked_for_a_token() -> None:
    wire = logged_in(door := Door())
    wire.dialogue.from_client(packet(0, change(b"", SHA2)))
    assert wire.heard_by_server() == packet(0, change(b"x", SHA2))
    wire.dialogue.from_server(packet(1, OK))
    assert wire.heard_by_client() == packet(1, SWITCH_TO_CLEAR)
    wire.dialogue.from_client(packet(2, TOKEN + b"\0"))
    assert wire.heard_by_client() == packet(3, OK)
    assert door.shown == [("jane", TOKEN.decode())]


def test_who_changes_user_within_compression_is_asked_for_a_token_too() -> None:
    wire = logged_in(Door(), compress=True)
    client = Compression()
    wire.dialogue.from_client(client.pack(packet(0, change(b"p" * 32, SHA2))))
    assert wire.heard_by_server() == packet(0, change(b"p" * 32, SHA2))
    wire.dialogue.from_server(packet(1, OK))
    assert client.unpack(wire.heard_by_client()) == packet(1, SWITCH_TO_CLEAR)
    query = packet(0, b"\x03SELECT 1")
    wire.dialogue.from_client(client.pack(packet(2, TOKEN + b"\0") + query))
    assert client.unpack(wire.heard_by_client()) == packet(3, OK)
    assert wire.heard_by_server() == query
    wire.dialogue.from_client(client.pack(packet(0, change(b"wrong\0", CLEAR))))
    wire.dialogue.from_server(packet(1, OK))
    assert client.unpack(wire.heard_by_client()) == packet(1, DENIED % b"YES")
    assert wire.refused


def test_a_claim_does_not_show_its_proof() -> None:
    assert "secret" not in repr(Claim.of_answer(answer(b"secret\0", CLEAR), LONG))


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (
            "CREATE USER jane IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'",
            "CREATE USER jane IDENTIFIED WITH here  ",
        ),
        ("/* a */ create user 'jane'@'%'\nidentified with 'awsauthenticationplugin' as 'RDS';", None),
        ("ALTER USER a IDENTIFIED WITH `AWSAuthenticationPlugin`, b", "ALTER USER a IDENTIFIED WITH here, b"),
        ("ALTER USER jane@'%' REQUIRE SSL;", "ALTER USER jane@'%' REQUIRE NONE;"),
        ("alter user jane require /* TLS */ ssl", "alter user jane require /* TLS */ NONE"),
        ("ALTER USER jane REQUIRE X509", "ALTER USER jane REQUIRE X509"),
        ("CREATE USER ssl COMMENT 'require ssl'", "CREATE USER ssl COMMENT 'require ssl'"),
        ("SELECT 'AWSAuthenticationPlugin'", "SELECT 'AWSAuthenticationPlugin'"),
        ("SELECT plugin AS AWSAuthenticationPlugin", "SELECT plugin AS AWSAuthenticationPlugin"),
        ("CREATE USER jane IDENTIFIED WITH", "CREATE USER jane IDENTIFIED WITH"),
        ("CREATE USER a IDENTIFIED WITH AWSAuthenticationPlugin AS", "CREATE USER a IDENTIFIED WITH here "),
    ],
)
def test_accounts_of_iam_are_made_in_the_servers_own_way(asked: str, sent: str | None) -> None:
    expected = "/* a */ create user 'jane'@'%'\nidentified with here  ;" if sent is None else sent
    assert put(asked.encode(), b"here").decode() == expected
