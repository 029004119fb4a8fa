"""How a local cluster is to be made; one value that travels from the caller to the supervisor."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from aws_advanced_python_wrapper.local.aws.keys import random_access_key_id, random_secret_key
from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.names.naming import Names, random_hash

Tls = Literal["allow", "require", "off"]
EngineName = Literal["postgresql", "mysql"]
Deployment = Literal["aurora", "multi-az", "rds", "plain"]
MOST_INSTANCES = 15

# What Amazon deploys in one size only: an RDS instance stands alone, a Multi-AZ DB cluster has two readable standbys.
_SIZES: Mapping[str, int] = {"multi-az": 3, "rds": 1}
_DEFAULT_SIZE = 3

_RESERVED: Mapping[EngineName, Sequence[str]] = {
    "postgresql": ("rdsadmin", "postgres", "template0", "template1"),
    "mysql": (
        "rdsadmin",
        "rdsrepladmin",
        "root",
        "sys",
        "information_schema",
        "performance_schema",
        "aws_driver_local",
    ),
}
_RESERVED_PREFIXES: Mapping[EngineName, str] = {"postgresql": "pg_", "mysql": "mysql"}
_LONGEST: Mapping[tuple[EngineName, str], int] = {("mysql", "user"): 32, ("mysql", "database"): 64}


@dataclass(frozen=True, slots=True)
class Delays:
    """The lags a real cluster has, in seconds.

    `topology_delay`: until an instance's table shows a change (one for all, or by instance name);
    `dns_delay`: until the cluster endpoints follow; `restart_time`: how long every instance refuses
    connections in a failover; `hang_detection`: until a frozen writer is noticed; `rejoin_delay`: until an old
    writer begins to come back as a reader.
    """

    topology_delay: float | Mapping[str, float] = 0.5
    dns_delay: float = 1.0
    restart_time: float = 0.3
    hang_detection: float = 2.0
    rejoin_delay: float = 0.5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            for seconds in value.values() if isinstance(value, Mapping) else [value]:
                if not isinstance(seconds, (int, float)) or seconds < 0:
                    raise LocalClusterError(f"{name} must be seconds, 0 or more, not {seconds!r}")

    def topology(self, instance: str) -> float:
        """Return the delay of this instance's table; an instance not named in a mapping has none."""
        if isinstance(self.topology_delay, Mapping):
            return self.topology_delay.get(instance, 0.0)
        return self.topology_delay

    @property
    def total(self) -> float:
        """The most that all of them together can hold up one operation."""
        topology = self.topology_delay.values() if isinstance(self.topology_delay, Mapping) else [self.topology_delay]
        others = self.dns_delay + self.restart_time + self.hang_detection + self.rejoin_delay
        return max(topology, default=0.0) + others

    def change(self, changes: Mapping[str, Any]) -> Delays:
        """Return these delays with the given ones instead."""
        try:
            return replace(self, **changes)
        except TypeError:
            known = ", ".join(asdict(self))
            raise LocalClusterError(f"no such delay in {sorted(changes)}: there are {known}") from None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the supervisor needs to know; see `LocalCluster` for the meaning."""

    instances: int = _DEFAULT_SIZE
    name: str = "demo"
    engine: EngineName = "postgresql"
    deployment: Deployment = "aurora"
    domain_hash: str = field(default_factory=random_hash)
    region: str = "us-east-2"
    user: str = "admin"
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    database: str = "app"
    port: int | None = None
    tls: Tls = "allow"
    postgres_bin: str | None = None
    postgres_version: int | None = None
    mysql_bin: str | None = None
    max_connections: int = 300
    server_settings: Mapping[str, str] = field(default_factory=dict)
    iam: bool = False
    iam_user: str = "jane"
    access_key_id: str = field(default_factory=random_access_key_id)
    secret_access_key: str = field(default_factory=random_secret_key, repr=False)
    delays: Delays = field(default_factory=Delays)
    start_timeout: float = 60.0

    def __post_init__(self) -> None:
        if self.engine not in get_args(EngineName):
            raise LocalClusterError(f"engine={self.engine!r}: choose {', '.join(get_args(EngineName))}")
        self._check_programs()
        if self.deployment not in get_args(Deployment):
            raise LocalClusterError(f"deployment={self.deployment!r}: choose {', '.join(get_args(Deployment))}")
        if self.instances != (size := _SIZES.get(self.deployment, self.instances)):
            raise LocalClusterError(f"instances={self.instances}: deployment {self.deployment!r} has {size}, always")
        if not is_whole(self.instances, 1, MOST_INSTANCES):
            raise LocalClusterError(f"instances={self.instances!r}: a cluster has 1 to {MOST_INSTANCES} instances")
        if self.port is not None and not is_whole(self.port, 1, 65535):
            raise LocalClusterError(f"port={self.port!r}: give a whole number from 1 up to 65535, or leave it out")
        if self.tls not in ("allow", "require", "off"):
            raise LocalClusterError(f"tls={self.tls!r}: choose 'allow', 'require' or 'off'")
        for what in ("user", "password", "database", "iam_user"):
            check_word(what, getattr(self, what), self.engine)
        if self.iam:
            self._check_iam()
        self.names()  # checks name, hash and region

    def _check_iam(self) -> None:
        if self.deployment == "plain":
            raise LocalClusterError("iam=True: deployment 'plain' knows no IAM, choose another one")
        if self.tls == "off":
            raise LocalClusterError("iam=True: tokens are sent over TLS only, so leave out tls='off'")
        if self.iam_user == self.user:
            raise LocalClusterError(
                f"iam_user={self.iam_user!r} is the master user, who has a password: choose another"
            )

    def _check_programs(self) -> None:
        programs = {"postgres_bin": "postgresql", "postgres_version": "postgresql", "mysql_bin": "mysql"}
        for name, engine in programs.items():
            if getattr(self, name) is not None and self.engine != engine:
                raise LocalClusterError(f"{name} goes with engine={engine!r}: leave it out, or change the engine")

    def names(self) -> Names:
        """Return the naming scheme."""
        return Names(self.name, self.domain_hash, self.region, is_cluster=self.deployment != "rds")

    @property
    def can_grow(self) -> bool:
        """Whether instances can be added and removed."""
        return self.deployment not in _SIZES

    @property
    def knows_itself(self) -> bool:
        """Whether the instances have a table of all of them."""
        return self.deployment != "plain"

    @classmethod
    def from_keywords(cls, given: Mapping[str, Any]) -> Settings:
        """Take the fields of this class and of `Delays` together; None stands for the default."""
        delays = {field.name for field in fields(Delays)}
        known = {field.name for field in fields(cls)} - {"delays"} | delays
        if unknown := sorted(set(given) - known):
            raise LocalClusterError(f"LocalCluster does not know {unknown}: there are {', '.join(sorted(known))}")
        values = {name: value for name, value in given.items() if value is not None}
        values.setdefault("instances", _SIZES.get(values.get("deployment", ""), _DEFAULT_SIZE))
        return cls(
            **{name: value for name, value in values.items() if name not in delays},
            delays=Delays(**{name: value for name, value in values.items() if name in delays}),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values, the password included."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """Undo `to_json`."""
        return cls(**{**values, "delays": Delays(**values["delays"])})


def is_whole(value: object, least: int, most: int) -> bool:
    """Tell whether a value is a whole number within bounds."""
    return isinstance(value, int) and least <= value <= most


def check_word(what: str, value: str, engine: EngineName) -> None:
    """Refuse values that no server would take as a name or password on one line."""
    if not value or not value.isprintable():
        raise LocalClusterError(f"the {what} must be printable and not empty")
    if what == "password":
        return
    if value.lower().startswith(_RESERVED_PREFIXES[engine]) or value.lower() in _RESERVED[engine]:
        raise LocalClusterError(f"the {what} cannot be {value!r}: the server keeps this name for itself")
    if len(value) > (longest := _LONGEST.get((engine, what.removeprefix("iam_")), len(value))):
        raise LocalClusterError(f"the {what} cannot be {value!r}: it can have {longest} characters at most")
