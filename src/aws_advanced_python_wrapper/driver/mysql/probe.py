"""Whether a MySQL server says anything at all, asked over a connection of the driver's own."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.driver.mysql.conversation import Conversation, ConversationOverError
from aws_advanced_python_wrapper.driver.sockets import UNREACHABLE

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.contract import DriverIo, Peer
    from aws_advanced_python_wrapper.driver.mysql.login import Login

_RECEIVED_AT_ONCE = 65536


class MysqlProbe:
    """A connection that is opened, and pinged, for no other purpose than to hear from the server.

    Whatever the server sends shows that it lives, also a refusal. It logs in: of clients that only look in, a server
    counts each as an error of their machine, and lets nobody in from there once there are `max_connect_errors` of them.
    It speaks MySQL's protocol itself, as the drivers wait for the end of a login or for nothing.
    """

    def __init__(self, peer: Peer, login: Login) -> None:
        self._peer = peer
        self._login = login
        self._socket: socket.socket | None = None
        self._conversation: Conversation | None = None
        self._connected = False
        self._heard = False

    async def check(self, io: DriverIo, deadline: Deadline) -> bool:
        """Tell whether the server says anything before the deadline.

        What is not complete then, a login or the answer to a question, goes on in the next check. Raises OSError where
        it is this process that cannot ask.
        """
        self._heard = False
        try:
            connection = self._socket or self._open()
            conversation = self._conversation or self._begin()
            conversation.ask()
            while not conversation.answered and await self._step(io, connection, conversation, deadline):
                pass
        except (OSError, ConversationOverError) as error:
            self.close()
            if not self._heard and not (isinstance(error, OSError) and error.errno in UNREACHABLE):
                raise
        return self._heard

    def close(self) -> None:
        """Close the connection, without waiting for the server; the next check opens another one."""
        connection, self._socket = self._socket, None
        conversation, self._conversation = self._conversation, None
        if connection is None:
            return
        with connection, contextlib.suppress(OSError):
            if conversation is not None:
                conversation.quit()
                connection.send(conversation.outgoing)

    def _open(self) -> socket.socket:
        family, place = _place(self._peer)
        connection = self._socket = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        self._connected = False
        _raise_if_failed(connection.connect_ex(place))
        return connection

    def _begin(self) -> Conversation:
        conversation = self._conversation = Conversation(self._login, private=self._peer.port is None)
        return conversation

    async def _step(
        self, io: DriverIo, connection: socket.socket, conversation: Conversation, deadline: Deadline
    ) -> bool:
        writing = bool(conversation.outgoing) or not self._connected
        if not await io.wait_socket(connection.fileno(), writing=writing, timeout=deadline.remaining()):
            return False
        if not self._connected:
            _raise_if_failed(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            self._connected = True
        with contextlib.suppress(BlockingIOError):
            if conversation.outgoing:
                del conversation.outgoing[: connection.send(conversation.outgoing)]
            self._hear(connection.recv(_RECEIVED_AT_ONCE), conversation)
        return True

    def _hear(self, data: bytes, conversation: Conversation) -> None:
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection")
        self._heard = True
        conversation.receive(data)


def _place(peer: Peer) -> tuple[int, Any]:
    if peer.port is None:
        return socket.AF_UNIX, peer.address
    family, _, _, _, place = socket.getaddrinfo(peer.address, peer.port, flags=socket.AI_NUMERICHOST)[0]
    return family, place


def _raise_if_failed(number: int) -> None:
    if number not in (0, errno.EINPROGRESS):
        raise OSError(number, os.strerror(number))
