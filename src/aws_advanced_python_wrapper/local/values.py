"""What the cluster tells about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FailoverKind = Literal["crash", "graceful", "hang"]
ChangeKind = FailoverKind | Literal["switchover"]
Wait = Literal["writer", "all"]
Role = Literal["writer", "reader"]
State = Literal["starting", "running", "paused", "restarting", "rebuilding", "down"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `at` is on the clock of time.monotonic(), `wall` on that of time.time()."""

    at: float
    wall: float
    what: str
    instance: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failover:
    """A failover or switchover that took place.

    `began` and `writer_accepts` are on the clock of time.monotonic(), which all processes of the machine
    share; the `wall` ones on that of time.time(). `writer_accepts` is when the new writer had accepted a
    write and its address took connections. With a single instance the old and the new writer are the same.
    """

    old_writer: str
    new_writer: str
    kind: ChangeKind
    began: float
    writer_accepts: float
    began_wall: float
    writer_accepts_wall: float

    @property
    def seconds(self) -> float:
        """How long there was no writer."""
        return self.writer_accepts - self.began


@dataclass(frozen=True, slots=True)
class Condition:
    """One instance at one moment, as the supervisor reports it."""

    name: str
    host: str
    address: str
    port: int
    private_port: int
    role: Role
    state: State
    connections: int


@dataclass(frozen=True, slots=True)
class Status:
    """The cluster at one moment."""

    name: str
    directory: str
    server_version: str
    writer_endpoint: str
    reader_endpoint: str
    custom_endpoints: dict[str, list[str]]
    instances: tuple[Condition, ...]
