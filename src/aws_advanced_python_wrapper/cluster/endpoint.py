"""What a host name tells about the endpoint behind it, and how the names of instances are made.

The forms of names are those of Amazon's documentation ("Amazon Aurora endpoint connections", "RDS Proxy
endpoints") and, for the domain of each partition, of botocore's endpoint data.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from aws_advanced_python_wrapper.errors import AwsWrapperError


class EndpointType(Enum):
    """What kind of thing answers behind a host name."""

    WRITER = "writer"
    READER = "reader"
    CUSTOM = "custom"
    INSTANCE = "instance"
    PROXY = "proxy"
    PROXY_ENDPOINT = "proxy endpoint"
    SHARD_GROUP = "shard group"
    GLOBAL = "global"
    IP = "ip"
    OTHER = "other"


_RDS = re.compile(
    r"""
    (?P<name>[^.]+(?P<own>\.endpoint(?=\.proxy-))?)     # the user's own name for the endpoint
    \.(?P<kind>(?:cluster(?:-ro|-custom)?|proxy|shardgrp|global)-)?
    (?P<domain>
        [a-z0-9]+\.                                     # one per account and region
        (?:(?P<region>[a-z0-9-]+)\.rds(?:-fips)?|rds(?:-fips)?\.(?P<region_after>[a-z0-9-]+))\.
        (?:amazonaws\.(?:com|com\.cn|eu|au|uk)|c2s\.ic\.gov|sc2s\.sgov\.gov|csp\.hci\.ic\.gov|cloud\.adc-e\.uk)
    )
    """,
    re.VERBOSE,
)
_LOAD_BALANCER = re.compile(r".+\.elb\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_GREEN = re.compile(r".*-green-[0-9a-z]{6}")

_KINDS = {
    "cluster-": EndpointType.WRITER,
    "cluster-ro-": EndpointType.READER,
    "cluster-custom-": EndpointType.CUSTOM,
    None: EndpointType.INSTANCE,
    "proxy-": EndpointType.PROXY,
    "shardgrp-": EndpointType.SHARD_GROUP,
    "global-": EndpointType.GLOBAL,
}
_CLUSTERS = frozenset({EndpointType.WRITER, EndpointType.READER, EndpointType.CUSTOM, EndpointType.GLOBAL})
_WITHOUT_INSTANCES = frozenset({EndpointType.PROXY, EndpointType.PROXY_ENDPOINT, EndpointType.GLOBAL})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host name taken apart.

    ``host`` is in lower case, without a trailing dot and without the brackets of an IPv6 address. ``name`` is
    what the user called the endpoint, ``domain`` what follows it less the kind; both are None outside RDS.
    """

    host: str
    type: EndpointType
    name: str | None = None
    domain: str | None = None
    region: str | None = None

    @property
    def is_rds(self) -> bool:
        """Whether the name is one that RDS gives out."""
        return self.domain is not None

    @property
    def is_cluster(self) -> bool:
        """Whether the endpoint stands for a cluster and not for one instance or proxy."""
        return self.type in _CLUSTERS

    @property
    def instance_pattern(self) -> str | None:
        """The host name of the cluster's instances with ? for the id, None where it cannot be told."""
        return None if self.domain is None or self.type in _WITHOUT_INSTANCES else f"?.{self.domain}"

    @property
    def cluster_name(self) -> str | None:
        """What the writer and the reader endpoint of one cluster, and no other, have in common; else None."""
        named = self.type in (EndpointType.WRITER, EndpointType.READER)
        return f"{self.name}.{self.domain}" if named else None

    @property
    def is_green(self) -> bool:
        """Whether this is the green side of a blue/green deployment."""
        return _GREEN.fullmatch(self._label) is not None

    @property
    def is_old(self) -> bool:
        """Whether this is what was blue before the switchover of a blue/green deployment."""
        return self._label.endswith("-old1")

    @property
    def _label(self) -> str:
        return self.host.partition(".")[0]


@functools.lru_cache(maxsize=1024)
def analyse(host: str) -> Endpoint:
    """Tell what kind of endpoint ``host`` is; a name of no known form is of type OTHER."""
    if host.startswith("/"):  # a directory of Unix sockets, where case matters
        return Endpoint(host, EndpointType.OTHER)
    host = host.strip().lower().removesuffix(".").removeprefix("[").removesuffix("]")
    if _is_ip_address(host):
        return Endpoint(host, EndpointType.IP)
    rds = _RDS.fullmatch(host)
    if rds is None:
        balancer = _LOAD_BALANCER.fullmatch(host)
        return Endpoint(host, EndpointType.OTHER, region=balancer["region"] if balancer else None)
    kind = EndpointType.PROXY_ENDPOINT if rds["own"] else _KINDS[rds["kind"]]
    region = None if kind is EndpointType.GLOBAL else rds["region"] or rds["region_after"]
    return Endpoint(host, kind, rds["name"], rds["domain"], region)


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


_PATTERN = re.compile(
    r"(?P<host>[a-z0-9_-]*\?[a-z0-9_-]*(?:\.[a-z0-9_-]+)*)\.?(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE
)
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class InstancePattern:
    """How the host name of an instance is made from its id; ``port`` is None unless the pattern gives one."""

    template: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> InstancePattern:
        """Read ``?.domain`` or ``?.domain:port``; raises `AwsWrapperError` for anything else."""
        found = _PATTERN.fullmatch(text.strip())
        port = int(found["port"]) if found and found["port"] else None
        if found is None or port == 0 or (port or 0) > _HIGHEST_PORT:
            raise AwsWrapperError(
                f"cluster_instance_host_pattern: '{text}' is not accepted, give the host name of an instance "
                "with one ? for its id in the first label, such as ?.example.com or ?.example.com:5432."
            )
        kind = analyse(found["host"]).type
        if kind not in (EndpointType.INSTANCE, EndpointType.OTHER):
            raise AwsWrapperError(
                f"cluster_instance_host_pattern: '{text}' is the name of a {kind.value} endpoint, give the "
                "host name of an instance with ? for its id."
            )
        return cls(found["host"].lower(), port)

    def host(self, instance_id: str) -> str:
        """Return the host name of the instance with this id."""
        return self.template.replace("?", instance_id)
