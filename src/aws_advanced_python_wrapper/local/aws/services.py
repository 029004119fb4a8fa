"""The services themselves: moto's, in this process. Importing this module takes about a second."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from werkzeug.test import Client

from aws_advanced_python_wrapper.local.aws.keys import ALGORITHM
from aws_advanced_python_wrapper.local.errors import LocalClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.local.aws.calls import Call

_JSON = "application/x-amz-json-1.1"


class Services:
    """Serves calls without asking who calls. Any thread may use it."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells every request
        self._client = Client(DomainDispatcherApplication(create_backend_app), use_cookies=False)

    def serve(self, call: Call) -> tuple[int, str, bytes]:
        """Return status, content type and body of the answer."""
        status, content_type, body = self._send(call.method, f"{call.path}?{call.query}", call.headers, _complete(call))
        if call.name == "secretsmanager:UpdateSecretVersionStage":
            _follow_the_label(call.credential.region if call.credential else "", json.loads(call.body)["SecretId"])
        return status, content_type, body

    def ask_for_secrets(self, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Have Secrets Manager carry out an operation; raises `LocalClusterError` if it refuses."""
        scope = f"AKIAAWSDRIVERLOCAL00/20260101/{region}/secretsmanager/aws4_request"
        headers = {
            "X-Amz-Target": f"secretsmanager.{operation}",
            "Content-Type": _JSON,
            "Authorization": f"{ALGORITHM} Credential={scope}, SignedHeaders=host, Signature=0",
        }
        status, _, body = self._send("POST", "/", headers, json.dumps(parameters).encode())
        answer: dict[str, Any] = json.loads(body)
        if status != 200:
            raise LocalClusterError(f"{operation} was refused: {answer.get('message') or answer.get('Message')}")
        if operation == "UpdateSecretVersionStage":
            _follow_the_label(region, parameters["SecretId"])
        return answer

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        kept = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        response = self._client.open(path, method=method, headers=kept, data=body)
        return response.status_code, response.headers.get("Content-Type", _JSON), response.get_data()


def _complete(call: Call) -> bytes:
    """Return the body of a call; moto may take another than the current version if none is asked for."""
    if call.name != "secretsmanager:GetSecretValue":
        return call.body
    parameters = json.loads(call.body)
    if not parameters.get("VersionId"):
        parameters.setdefault("VersionStage", "AWSCURRENT")
    return json.dumps(parameters).encode()


def _follow_the_label(region: str, secret_id: str) -> None:
    """Have moto know the current version where the label AWSCURRENT was moved: it forgets to take note."""
    secret = secretsmanager_backends[DEFAULT_ACCOUNT_ID][region].secrets.get(secret_id)
    if isinstance(secret, FakeSecret):
        current = (one for one, version in secret.versions.items() if "AWSCURRENT" in version["version_stages"])
        secret.set_default_version_id(next(current, None))
