"""The host names of a cluster, or of an RDS instance that stands alone."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass

from aws_advanced_python_wrapper.local.errors import LocalClusterError

_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
_HASH = re.compile(r"[a-z0-9]{1,40}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


@dataclass(frozen=True, slots=True)
class Names:
    """The naming scheme of one cluster: `demo`, `c1x2y3z4abcd`, `us-east-2`."""

    cluster: str
    domain_hash: str
    region: str
    is_cluster: bool = True

    def __post_init__(self) -> None:
        check_label(self.cluster, "cluster name")
        if not _HASH.fullmatch(self.domain_hash):
            raise LocalClusterError(f"domain_hash {self.domain_hash!r} must be lower-case letters and digits")
        if not _REGION.fullmatch(self.region):
            raise LocalClusterError(f"region {self.region!r} does not look like us-east-2")

    @property
    def domain(self) -> str:
        """What follows the first label (and the kind) of every name, without a leading dot."""
        return f"{self.domain_hash}.{self.region}.rds.amazonaws.com"

    @property
    def writer(self) -> str:
        """The cluster endpoint; where there is no cluster, the instance's."""
        return f"{self.cluster}.cluster-{self.domain}" if self.is_cluster else self.instance(self.cluster)

    @property
    def reader(self) -> str:
        """The reader endpoint; where there is no cluster, the instance's."""
        return f"{self.cluster}.cluster-ro-{self.domain}" if self.is_cluster else self.instance(self.cluster)

    @property
    def any_custom(self) -> str:
        """The wildcard that covers every custom endpoint."""
        return f"*.cluster-custom-{self.domain}"

    @property
    def secret(self) -> str:
        """The name of the master user's secret."""
        return f"{self.cluster}-admin"

    def custom(self, name: str) -> str:
        """Return the custom endpoint called `name`."""
        check_label(name, "custom endpoint name")
        return f"{name}.cluster-custom-{self.domain}"

    def instance(self, name: str) -> str:
        """Return the host name of the instance called `name`."""
        return f"{name}.{self.domain}"

    def instance_name(self, number: int) -> str:
        """Return the name given to the instance of this number."""
        return f"{self.cluster}-instance-{number}" if self.is_cluster else self.cluster


def check_label(name: str, what: str) -> str:
    """Return `name` if DNS and RDS would take it as one label."""
    if not _LABEL.fullmatch(name):
        raise LocalClusterError(
            f"{what} {name!r} is not possible: 1 to 63 lower-case letters, digits and hyphens, a letter first"
        )
    return name


def check_host(name: str) -> str:
    """Return `name` if it can be a host name of the program's own."""
    if not _HOST.fullmatch(name):
        raise LocalClusterError(f"alias {name!r} is not possible: give a host name such as db.example.com")
    return name


def random_hash() -> str:
    """Return something shaped like the part of the name that AWS generates per account and region."""
    alphabet = string.ascii_lowercase + string.digits
    return "c" + "".join(secrets.choice(alphabet) for _ in range(11))
