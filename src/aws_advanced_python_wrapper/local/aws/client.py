"""The AWS of a local cluster, as the user of the Python API sees it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RotationStep = Literal["createSecret", "setSecret", "testSecret", "finishSecret"]


@dataclass(frozen=True, slots=True)
class Aws:
    """Secrets Manager and STS beside a cluster, with their faults; `secret_id` names the master user's secret."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    secret_id: str
    _call: Callable[..., Any] = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return the variables that have AWS's SDKs use these services, with the cluster's own access key."""
        host = self.endpoint.removeprefix("http://").partition(":")[0]
        direct = f"{host},{os.environ.get('no_proxy') or os.environ.get('NO_PROXY', '')}"
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": "",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": direct,
            "no_proxy": direct,
        }

    @property
    def secret_arn(self) -> str:
        """The ARN of the master user's secret."""
        arn: str = self._do("secret_arn")
        return arn

    def secret(self, name: str | None = None, stage: str = "AWSCURRENT") -> dict[str, Any]:
        """Return the value of a secret, the master user's unless named."""
        value: dict[str, Any] = self._do("secret", name=name, stage=stage)
        return value

    def put_secret(self, name: str, value: Mapping[str, Any]) -> str:
        """Make a secret, or give it a new current value; return its ARN."""
        arn: str = self._do("put_secret", name=name, value=dict(value))
        return arn

    def rotate_secret(self, name: str | None = None, *, pause_after: RotationStep | None = None) -> None:
        """Rotate the master user's secret, or another's user, or go on with a rotation that rests.

        The steps are those of real rotations: "createSecret" (a new password as AWSPENDING), "setSecret" (the user has
        it in the database), "testSecret", "finishSecret" (it becomes AWSCURRENT). `pause_after` names the last to do.
        `LocalCluster.password` stays what it was; `secret()` tells the current one. `LocalCluster.restore` undoes it.
        """
        self._do("rotate_secret", name=name, pause_after=pause_after)

    def calls(self) -> dict[str, int]:
        """Return how often each operation was called, such as "secretsmanager:GetSecretValue", refused or not."""
        counts: dict[str, int] = self._do("calls")
        return counts

    def reset_calls(self) -> None:
        """Count anew from now on."""
        self._do("reset_calls")

    def throttle(self, calls: int | None = None) -> None:
        """Refuse the next so many calls, or all, because there are too many."""
        self._do("throttle", calls=calls)

    def deny(self, operation: str) -> None:
        """Deny everybody an operation, such as "secretsmanager:GetSecretValue"."""
        self._do("deny", operation=operation)

    def slow(self, seconds: float) -> None:
        """Answer every call so many seconds late."""
        self._do("slow", seconds=seconds)

    def take_down(self, *, answering: bool = False) -> None:
        """Refuse connections, or, answering, answer every call with 503 Service Unavailable."""
        self._do("take_down", answering=answering)

    def set_session_duration(self, seconds: float | None) -> None:
        """Have the sessions that STS begins last so long, whatever is asked for; None: as long as is asked for."""
        self._do("set_session_duration", seconds=seconds)

    def revoke(self, access_key_id: str) -> None:
        """Have an access key count no more, neither here nor in tokens for the database."""
        self._do("revoke", access_key_id=access_key_id)

    def restore(self) -> None:
        """Put everything back in order: no faults, the first key counts, secrets and passwords as at the start."""
        self._do("restore")

    def _do(self, control: str, **arguments: Any) -> Any:
        return self._call("aws", control=control, arguments=arguments)
