"""What a driver lets us do with the state of a session, on the client's side and on the server's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.contract import DriverIo, RawConnection

ServerState: TypeAlias = Mapping[str, "Sequence[str] | str | None"]
"""`schema` (names in the order of the search) and `role`, as far as the program has set them; None: the default."""


class SessionStateAccess(ABC):
    """The part of a driver's adapter that reads and writes the state of a session."""

    carried: ClassVar[frozenset[str]] = frozenset()
    """What of `ServerState` goes over with `copy_state`, and back with `restore`: the driver's object knows it."""

    @abstractmethod
    async def copy_state(
        self, io: DriverIo, old: RawConnection, new: RawConnection, deadline: Deadline, *, read_only: bool | None = None
    ) -> None:
        """Give a new connection what the user set on the old one, of which only the client's side is asked.

        `read_only` is what the user is about to set, unless None.
        """

    @abstractmethod
    def snapshot(self, raw: RawConnection) -> Any:
        """Return what `restore` needs to make the driver's object again what it is now. No I/O."""

    @abstractmethod
    async def restore(self, io: DriverIo, raw: RawConnection, snapshot: Any, deadline: Deadline) -> None:
        """Make the driver's object, and what it stands for, what it was; what was added to it meanwhile goes."""

    @abstractmethod
    def is_between_statements(self, raw: RawConnection) -> bool:
        """Tell whether nothing is under way but, perhaps, a transaction that can be rolled back. No I/O."""

    def told(self, raw: RawConnection) -> Any:
        """Return what the server has been told that lasts, for `tell_again`. No I/O."""
        del raw

    async def tell_again(self, io: DriverIo, raw: RawConnection, begun: Any, last: Any, deadline: Deadline) -> None:
        """Tell the server of a connection that has opened again what the program had told the last session.

        That is in what `last` differs from `begun`, as that session began. Raises the driver's error.
        """
        del io, raw, begun, last, deadline

    @abstractmethod
    def closed_twin(self, raw: RawConnection) -> Any:
        """Return an object of the same class, with the same attributes, that says it is closed. No I/O."""

    @abstractmethod
    def session_queries(self, raw: RawConnection, state: ServerState, *, rollback: bool = False) -> Sequence[str]:
        """Return the queries, for `query` or `command`, that give the server's session this state. No I/O.

        `rollback` ends a transaction first.
        """

    @abstractmethod
    async def command(self, io: DriverIo, raw: RawConnection, sql: str, deadline: Deadline) -> None:
        """Run one of our own queries on a connection that the program is using: between its calls.

        Raises the driver's error; its ProgrammingError while a transaction or pipeline is open. Who is interrupted here
        leaves a connection that still works. Past the deadline the connection is aborted (`QueryTimeoutError`).
        """
