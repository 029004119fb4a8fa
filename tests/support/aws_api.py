"""AWS's APIs in this process, over HTTP: moto's services behind the local cluster's gate, which counts and refuses."""

from __future__ import annotations

import json
import socket
import uuid
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.aws_credentials_manager import AwsCredentialsManager
from aws_advanced_python_wrapper.local.aws.api import Api
from aws_advanced_python_wrapper.local.aws.faults import Faults
from aws_advanced_python_wrapper.local.aws.gate import Gate
from aws_advanced_python_wrapper.local.aws.keys import AccessKey, KeyRing, random_access_key_id, random_secret_key
from aws_advanced_python_wrapper.local.aws.services import Services
from aws_advanced_python_wrapper.local.aws.sessions import Sessions
from aws_advanced_python_wrapper.sign_in.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

REGION = "us-east-2"


class Aws:
    """The APIs, an access key that counts, and what is in a user's configuration files."""

    def __init__(self, services: Services, home: Path) -> None:
        self.key = AccessKey(random_access_key_id(), random_secret_key())
        self.keys = KeyRing(self.key)
        self.faults = Faults()
        self.sessions = Sessions(self.keys, None)
        self.gate = Gate(services, self.keys, self.sessions, self.faults)
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.api = Api(self.gate, "127.0.0.1", self.port)
        self.config, self.credentials = home / "config", home / "credentials"

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which AWS's library comes here, with the access key."""
        return {
            "AWS_ACCESS_KEY_ID": self.key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.key.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_MAX_ATTEMPTS": "1",
        }

    def ask(self, service: str, operation: str, **parameters: Any) -> Any:
        """Have a service do something, with a client of the test's own; nothing of that is counted or logged."""
        with quiet():
            keys = {"aws_access_key_id": self.key.access_key_id, "aws_secret_access_key": self.key.secret_key}
            client = _session().create_client(service, region_name=REGION, endpoint_url=self.endpoint, **keys)
            answer = getattr(client, operation)(**parameters)
        self.gate.reset_calls()
        return answer

    def put_secret(self, content: Any, *, stages: tuple[str, ...] = ("AWSCURRENT",), name: str | None = None) -> str:
        """Make a secret, or give it another version; return its name."""
        text = content if isinstance(content, str) else json.dumps(content)
        if name is not None:
            self.ask("secretsmanager", "put_secret_value", SecretId=name, SecretString=text, VersionStages=list(stages))
            return name
        name = f"secret-{uuid.uuid4()}"
        self.ask("secretsmanager", "create_secret", Name=name, SecretString=text)
        return name

    def write_profiles(self, **profiles: dict[str, str]) -> None:
        """Write AWS's configuration file."""
        lines = (
            f"[profile {name}]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())
            for name, settings in profiles.items()
        )
        self.config.write_text("".join(lines))


@contextmanager
def serving_aws(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Serve AWS's APIs, which this process finds by its environment."""
    made = Aws(_services(), home)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    release_resources()
    made.api.start()
    yield made
    made.faults.restore()
    made.api.stop()
    AwsCredentialsManager.reset_custom_handler()
    release_resources()


@cache  # it keeps what it has read of AWS's models
def _session() -> Any:
    return botocore.session.Session()


@cache
def _services() -> Services:
    return Services()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
