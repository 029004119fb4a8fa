"""What can be done to a cluster's AWS, on the side of the supervisor."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local.aws.api import Api
from aws_advanced_python_wrapper.local.aws.faults import Faults
from aws_advanced_python_wrapper.local.aws.gate import Gate
from aws_advanced_python_wrapper.local.aws.rotation import Rotation
from aws_advanced_python_wrapper.local.aws.services import Services
from aws_advanced_python_wrapper.local.aws.sessions import Sessions
from aws_advanced_python_wrapper.local.aws.store import SecretStore
from aws_advanced_python_wrapper.local.errors import LocalClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.local.aws.keys import AccessKey, KeyRing
    from aws_advanced_python_wrapper.local.aws.rotation import Database
    from aws_advanced_python_wrapper.local.aws.sessions import CheckAssertion


@dataclass(frozen=True, slots=True)
class Plan:
    """How a cluster's AWS is to be: where it listens, and what is in it from the start."""

    address: str
    port: int
    region: str
    static_key: AccessKey
    keys: KeyRing
    secret: str
    master: Mapping[str, Any]
    """The master user's secret."""
    database: Database
    check_assertion: CheckAssertion | None = None


class AwsControls:
    """Every public method is an operation that a client can ask for; they block, and belong in a thread."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._turn = threading.Lock()
        services = Services()
        self._faults = Faults()
        self._sessions = Sessions(plan.keys, plan.check_assertion)
        self._gate = Gate(services, plan.keys, self._sessions, self._faults)
        self._store = SecretStore(services, plan.region)
        self._store.put(plan.secret, plan.master)
        self._rotations: dict[str, Rotation] = {}
        self._rotated = False
        self._api = Api(self._gate, plan.address, plan.port)
        self._api.start()

    def do(self, control: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out one of the controls."""
        if control.startswith("_") or control == "do" or not hasattr(self, control):
            raise LocalClusterError(f"AWS has no control {control!r}")
        return getattr(self, control)(**arguments)

    def secret_arn(self) -> str:
        """See `Aws.secret_arn`."""
        return self._store.arn(self._plan.secret)

    def secret(self, name: str | None, stage: str) -> dict[str, Any]:
        """See `Aws.secret`."""
        return self._store.value(name or self._plan.secret, stage)

    def put_secret(self, name: str, value: Mapping[str, Any]) -> str:
        """See `Aws.put_secret`."""
        return self._store.put(name, value)

    def rotate_secret(self, name: str | None, pause_after: str | None) -> None:
        """See `Aws.rotate_secret`."""
        secret = name or self._plan.secret
        with self._turn:
            rotation = self._rotations.get(secret) or Rotation(secret, self._store, self._plan.database)
            self._rotations[secret] = rotation
            self._rotated = self._rotated or secret == self._plan.secret
            rotation.advance(pause_after or Rotation.steps[-1])
            if rotation.finished:
                del self._rotations[secret]

    def calls(self) -> dict[str, int]:
        """See `Aws.calls`."""
        return self._gate.calls()

    def reset_calls(self) -> None:
        """See `Aws.reset_calls`."""
        self._gate.reset_calls()

    def throttle(self, calls: int | None) -> None:
        """See `Aws.throttle`."""
        self._faults.throttle(calls)

    def deny(self, operation: str) -> None:
        """See `Aws.deny`."""
        self._faults.deny(operation)

    def slow(self, seconds: float) -> None:
        """See `Aws.slow`."""
        self._faults.slow(seconds)

    def take_down(self, *, answering: bool) -> None:
        """See `Aws.take_down`."""
        if answering:
            self._faults.fail()
        else:
            self._api.stop()

    def set_session_duration(self, seconds: float | None) -> None:
        """See `Aws.set_session_duration`."""
        self._sessions.duration = seconds

    def revoke(self, access_key_id: str) -> None:
        """See `Aws.revoke`."""
        self._plan.keys.revoke(access_key_id)

    def restore(self) -> None:
        """See `Aws.restore`."""
        static = self._plan.static_key
        self._faults.restore()
        self._sessions.duration = None
        self._plan.keys.add(static.access_key_id, static.secret_key, None, static.expires_at)
        self._api.start()
        self._gate.reset_calls()
        with self._turn:
            self._rotations.clear()
            if self._rotated:
                self._plan.database.set_password(self._plan.master["username"], self._plan.master["password"])
                self._rotated = False
            self._store.begin_anew(self._plan.secret, self._plan.master)

    def stop(self) -> None:
        """Listen no more, and let nobody wait."""
        self._faults.restore()
        self._api.stop()
