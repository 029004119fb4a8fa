"""What a link leaves to the engine: who speaks first, how TLS is asked for, when a login is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Wire(Protocol):
    """A link, as its dialogue sees it: plain bytes on both sides."""

    @property
    def offers_tls(self) -> bool:
        """Whether the proxy has a certificate."""

    @property
    def requires_tls(self) -> bool:
        """Whether clients without TLS are turned away."""

    @property
    def encrypted(self) -> bool:
        """Whether the client speaks TLS by now."""

    def send_client(self, data: bytes) -> None:
        """Send to the client."""

    def send_server(self, data: bytes) -> None:
        """Send to the server, as soon as it is there."""

    def start_tls(self, rest: bytes) -> None:
        """Take what the client sends from now on for TLS, beginning with the rest of what has come."""

    def refuse(self, reply: bytes) -> None:
        """Send the client a last word and end the connection."""

    def logged_in(self) -> None:
        """Take note that the client's login has succeeded."""


Accepts = Callable[[str, "str | None"], bool]
"""Tells whether a user is let in with a token; None is that of a client that could only send it in the clear."""


class Dialogue(Protocol):
    """What is said between one client and its server; it may change the words."""

    @property
    def holds(self) -> bool:
        """Whether what the server has said waits for the client's answer; the end of its connection does too then."""

    def from_client(self, data: bytes) -> None:
        """Take bytes of the client, out of TLS."""

    def from_server(self, data: bytes) -> None:
        """Take bytes of the server."""


Speaks = Callable[[Wire], Dialogue]
