"""The secrets of a cluster, in its Secrets Manager."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local.errors import LocalClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.local.aws.services import Services


class SecretStore:
    """Secrets whose values are JSON objects; faults of the API do not touch it. Any thread may use it."""

    def __init__(self, services: Services, region: str) -> None:
        self._services = services
        self._region = region

    def put(self, name: str, value: Mapping[str, Any]) -> str:
        """Make a secret, or give it a new current value; return its ARN."""
        text = json.dumps(value)
        if name in self._names():
            return str(self._ask("PutSecretValue", SecretId=name, SecretString=text)["ARN"])
        return str(self._ask("CreateSecret", Name=name, SecretString=text)["ARN"])

    def arn(self, name: str) -> str:
        """Return the ARN of a secret."""
        return str(self._ask_for("DescribeSecret", name)["ARN"])

    def value(self, name: str, stage: str = "AWSCURRENT") -> dict[str, Any]:
        """Return the value of the version with this label."""
        found: dict[str, Any] = json.loads(self._ask_for("GetSecretValue", name, VersionStage=stage)["SecretString"])
        return found

    def put_pending(self, name: str, value: Mapping[str, Any]) -> str:
        """Store what is to become the current value, as AWSPENDING; return the version's id."""
        version = {"ClientRequestToken": str(uuid.uuid4()), "VersionStages": ["AWSPENDING"]}
        return str(self._ask_for("PutSecretValue", name, SecretString=json.dumps(value), **version)["VersionId"])

    def make_current(self, name: str, version: str) -> None:
        """Move AWSCURRENT to a version; AWSPREVIOUS follows, AWSPENDING stays where it is."""
        current = self._labels(name)["AWSCURRENT"]
        self._move(name, "AWSCURRENT", RemoveFromVersionId=current, MoveToVersionId=version)

    def begin_anew(self, name: str, value: Mapping[str, Any]) -> None:
        """Have only this secret, with this value, as if it had never had another."""
        for other in self._names() - {name}:
            self._ask("DeleteSecret", SecretId=other, ForceDeleteWithoutRecovery=True)
        if name not in self._names():
            with suppress(LocalClusterError):  # somebody may have deleted it for good
                self._ask("RestoreSecret", SecretId=name)
            self.put(name, value)
        if self._labels(name).keys() != {"AWSCURRENT"} or self.value(name) != value:
            self.put(name, value)
            for label, version in self._labels(name).items():
                if label != "AWSCURRENT":
                    self._move(name, label, RemoveFromVersionId=version)

    def _names(self) -> set[str]:
        listed = self._ask("ListSecrets")["SecretList"]
        return {one["Name"] for one in listed if not one.get("DeletedDate")}

    def _labels(self, name: str) -> dict[str, str]:
        versions: Mapping[str, list[str]] = self._ask_for("DescribeSecret", name)["VersionIdsToStages"]
        return {label: version for version, labels in versions.items() for label in labels}

    def _move(self, name: str, label: str, **versions: str) -> None:
        self._ask_for("UpdateSecretVersionStage", name, VersionStage=label, **versions)

    def _ask_for(self, operation: str, name: str, **parameters: Any) -> dict[str, Any]:
        if name not in (names := self._names()):
            raise LocalClusterError(f"there is no secret {name!r}: there are {', '.join(sorted(names))}")
        return self._ask(operation, SecretId=name, **parameters)

    def _ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._services.ask_for_secrets(self._region, operation, **parameters)
