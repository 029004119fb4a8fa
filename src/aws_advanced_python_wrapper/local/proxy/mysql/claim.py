"""Who a client says it is, in its answer to the greeting or in its wish to be another user."""

from __future__ import annotations

from dataclasses import dataclass, field

from aws_advanced_python_wrapper.local.proxy.mysql.packets import Capability

CLEAR = b"mysql_clear_password"
_OF_SERVERS = b"caching_sha2_password"
_USER_IN_ANSWER = 32  # after flags, sizes and character set
_USER_IN_CHANGE = 1  # after the command
_WRONG = b"x"
_TWO_BYTES = 252  # this instead of a count says that it follows in two bytes
_LONGEST_IN_ONE_BYTE = 250


@dataclass(frozen=True, slots=True)
class Claim:
    """A user, and the proof that the client's `plugin` has made; old clients name none."""

    user: str
    proof: bytes = field(repr=False)
    plugin: bytes | None
    _is_long: bool
    _pieces: tuple[bytes, bytes, bytes] = field(repr=False)

    @classmethod
    def of_answer(cls, body: bytes, flags: Capability) -> Claim:
        """Read the answer to the greeting."""
        has_database = bool(flags & Capability.CONNECT_WITH_DATABASE)
        return cls._read(body, _USER_IN_ANSWER, flags, bool(flags & Capability.LONG_PROOFS), has_database, 0)

    @classmethod
    def of_change(cls, body: bytes, flags: Capability) -> Claim:
        """Read the wish to be another user."""
        return cls._read(body, _USER_IN_CHANGE, flags, False, True, 2)

    @classmethod
    def _read(cls, body: bytes, at: int, flags: Capability, is_long: bool, has_database: bool, charset: int) -> Claim:
        user, before = _text(body, at)
        proof, behind = _counted(body, before, is_long)
        at = (_text(body, behind)[1] if has_database else behind) + charset
        plugin, rest = _text(body, at) if flags & Capability.PLUGINS else (None, at)
        pieces = body[:before], body[behind:at], body[rest:]
        return cls(user.decode("utf-8", "replace"), proof, plugin, is_long, pieces)

    @property
    def token(self) -> bytes | None:
        """What has been sent in the clear without being asked for."""
        return self.proof if self.plugin == CLEAR and _has_text(self.proof) else None

    def disarmed(self) -> bytes:
        """Return the packet's body, with which a server lets nobody in at once who has a password, or an empty one.

        It asks whoever comes with another plugin than its own for another proof. No token comes to it. Old clients it
        could not ask.
        """
        first, second, third = self._pieces
        if self.plugin is None:
            return first + _counted_out(self.proof, self._is_long) + second + third
        plugin, proof = CLEAR, _WRONG
        if self.plugin == _OF_SERVERS:
            plugin, proof = self.plugin, self.proof if _has_text(self.proof) else _WRONG
        return first + _counted_out(proof, self._is_long) + second + plugin + b"\0" + third


def _has_text(proof: bytes) -> bool:
    return bool(proof.strip(b"\0"))


def _text(body: bytes, at: int) -> tuple[bytes, int]:
    """Return the text that ends with a zero, and where the next thing begins."""
    text, _, _ = body[at:].partition(b"\0")
    return text, min(at + len(text) + 1, len(body))


def _counted(body: bytes, at: int, is_long: bool) -> tuple[bytes, int]:
    """Return the bytes that are counted, and where the next thing begins."""
    size, at = int.from_bytes(body[at : at + 1], "little"), at + 1
    if is_long and size == _TWO_BYTES:
        size, at = int.from_bytes(body[at : at + 2], "little"), at + 2
    return body[at : at + size], at + size


def _counted_out(proof: bytes, is_long: bool) -> bytes:
    size = len(proof)
    if is_long and size > _LONGEST_IN_ONE_BYTE:
        return bytes([_TWO_BYTES]) + size.to_bytes(2, "little") + proof
    return bytes([size]) + proof
