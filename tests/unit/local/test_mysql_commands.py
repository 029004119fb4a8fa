"""What a server hears of a MySQL client's commands through the proxy, in whatever pieces they come."""

from __future__ import annotations

import zlib

import pytest

from aws_advanced_python_wrapper.local.proxy.mysql.dialogue import MysqlDialogue
from aws_advanced_python_wrapper.local.proxy.mysql.packets import Capability
from support.mysql_wire import ANSWERED, ASK_AURORA, OK, OTHERS, RecordingWire, answer, greeting, logged_in, packet


def sent_on(data: bytes, capabilities: int = OTHERS) -> bytes:
    """Return what the server hears of a client's bytes, which does not depend on the pieces they come in."""
    whole = logged_in(capabilities)
    whole.dialogue.from_client(data)
    bytewise = logged_in(capabilities)
    for at in range(len(data)):
        bytewise.dialogue.from_client(data[at : at + 1])
    heard = whole.heard_by_server()
    assert bytewise.heard_by_server() == heard
    return heard


@pytest.mark.parametrize("tls", [True, False])
def test_after_the_login_the_servers_bytes_pass_as_they_are(tls: bool) -> None:
    wire = logged_in(tls=tls)
    wire.dialogue.from_server(b"\x01half a pa")
    assert wire.client == b"\x01half a pa"


def test_queries_and_statements_to_prepare_are_rewritten_one_after_the_other() -> None:
    asked = packet(0, b"\x03" + ASK_AURORA), packet(0, b"\x16" + ASK_AURORA), packet(0, b"\x0e"), packet(0, b"")
    sent = packet(0, b"\x03" + ANSWERED), packet(0, b"\x16" + ANSWERED), packet(0, b"\x0e"), packet(0, b"")
    assert sent_on(b"".join(asked)) == b"".join(sent)


LONG = b"l" * 300
ATTRIBUTES = {
    "none": b"\0\1",
    "a text": b"\1\1\0\1\xfe\0\1a\3one",
    "a long text": b"\1\1\0\1\xfe\0\1a\xfc\x2c\1" + LONG,
    "a number": b"\1\1\0\1\x08\x80\1a" + b"\3" * 8,
    "a time and a decimal": b"\2\1\0\1\x0b\0\1a\0\0\1b" + b"\x08" + b"\3" * 8 + b"\0021.",
    "a null and a text": b"\2\1\1\1\x06\0\1a\xfe\0\1b\3one",
    "nine": b"\x09\1\xff\0\1" + b"\1\0\0" * 9 + b"\7",
}


@pytest.mark.parametrize("attributes", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_a_query_may_have_attributes(attributes: bytes) -> None:
    capabilities = OTHERS | Capability.QUERY_ATTRIBUTES
    asked, sent = packet(0, b"\x03" + attributes + ASK_AURORA), packet(0, b"\x03" + attributes + ANSWERED)
    assert sent_on(asked, capabilities) == sent
    assert sent_on(packet(0, b"\x16" + ASK_AURORA), capabilities) == packet(0, b"\x16" + ANSWERED)


@pytest.mark.parametrize("broken", [b"", b"\0", b"\1\1\0\1\xfe", b"\1\1\0\1\xfe\0\xfc", b"\2\1\0\1\1\0\0"])
def test_a_query_whose_attributes_break_off_passes_as_it_is(broken: bytes) -> None:
    asked = packet(0, b"\x03" + broken)
    assert sent_on(asked, OTHERS | Capability.QUERY_ATTRIBUTES) == asked


def test_what_is_no_command_passes_whatever_it_says() -> None:
    loading = b"".join(packet(number % 256, b"\x03" + ASK_AURORA) for number in range(2, 600)) + packet(88, b"")
    command = packet(0, b"\x03" + ASK_AURORA)
    assert sent_on(loading + command) == loading + packet(0, b"\x03" + ANSWERED)


def test_a_file_may_end_at_the_last_number_of_the_sequence() -> None:
    loading = packet(254, b"\x03" + ASK_AURORA) + packet(255, b"")
    assert sent_on(loading + packet(0, b"\x03" + ASK_AURORA)) == loading + packet(0, b"\x03" + ANSWERED)


def test_the_longest_queries_pass_as_they_come() -> None:
    wire = logged_in()
    long = packet(0, b"\x03" + ASK_AURORA.ljust(0xFFFFFF - 1)) + packet(1, b"\x03" + ASK_AURORA)
    wire.dialogue.from_client(long[: 1 << 20])
    assert wire.heard_by_server() == long[: 1 << 20]
    wire.dialogue.from_client(long[1 << 20 :] + packet(0, b"\x03" + ASK_AURORA))
    assert wire.heard_by_server() == long[1 << 20 :] + packet(0, b"\x03" + ANSWERED)


def test_another_kind_of_instance_changes_nothing() -> None:
    wire = RecordingWire()
    wire.dialogue = MysqlDialogue(wire)
    wire.dialogue.from_server(packet(0, greeting()))
    wire.dialogue.from_client(packet(1, answer()))
    wire.dialogue.from_server(packet(2, OK))
    wire.heard_by_server()
    wire.dialogue.from_client(packet(0, b"\x03" + ASK_AURORA))
    assert wire.server == packet(0, b"\x03" + ASK_AURORA)


def frame(sequence: int, payload: bytes, *, compressed: bool = True) -> bytes:
    carried = zlib.compress(payload) if compressed else payload
    length = len(payload) if compressed else 0
    return len(carried).to_bytes(3, "little") + bytes([sequence]) + length.to_bytes(3, "little") + carried


def test_a_client_may_compress() -> None:
    query = packet(0, b"\x03" + ASK_AURORA)
    asked = frame(0, query) + frame(0, query[:9], compressed=False) + frame(1, query[9:], compressed=False)
    assert sent_on(asked, OTHERS | Capability.COMPRESS) == 2 * packet(0, b"\x03" + ANSWERED)


def test_answers_to_a_client_that_compresses_are_numbered_after_its_question_and_come_in_whole_packets() -> None:
    wire = logged_in(OTHERS | Capability.COMPRESS)
    wire.dialogue.from_client(frame(0, packet(0, b"\x0e")))
    answers = [packet(number, b"answer") for number in range(1, 5)]
    wire.dialogue.from_server(answers[0] + answers[1][:2])
    wire.dialogue.from_server(answers[1][2:] + answers[2] + answers[3][:7])
    expected = frame(1, answers[0], compressed=False) + frame(2, answers[1] + answers[2], compressed=False)
    assert wire.heard_by_client() == expected
    wire.dialogue.from_server(answers[3][7:])
    assert wire.heard_by_client() == frame(3, answers[3], compressed=False)


def test_the_longest_packet_needs_two_frames_which_share_nothing_with_others() -> None:
    wire = logged_in(OTHERS | Capability.COMPRESS)
    wire.dialogue.from_client(frame(0, packet(0, b"\x0e")))
    short, long = packet(1, b"answer"), packet(2, b"x" * 0xFFFFFF)
    wire.dialogue.from_server(short + long + short)
    payloads = short, long[:0xFFFFFF], long[0xFFFFFF:], short
    expected = (frame(at, part, compressed=len(part) > 50) for at, part in enumerate(payloads, start=1))
    assert wire.client == b"".join(expected)


def test_a_damaged_frame_ends_the_connection() -> None:
    wire = logged_in(OTHERS | Capability.COMPRESS)
    wire.dialogue.from_client(b"\x03\0\0\0\x09\0\0bad")
    assert wire.refused
