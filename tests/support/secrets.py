"""Connections that are opened with secrets, on the network in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.testing import FakeCluster, aconnect, connect

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.flavours import Flavour

GET = "secretsmanager:GetSecretValue"
PLUGIN = "aws_secrets_manager"

# Where all is said, a secret is asked for no more than user and password.
COMPLETE = {"port": 5432, "dbname": "app"}


def secret(password: str = "first", **more: Any) -> dict[str, Any]:
    """Return the content of a secret."""
    return {"username": "bob", "password": password, **more}


async def opened(flavour: Flavour, network: FakeNetwork, host: str | None, name: str, **more: Any) -> Any:
    """Open a connection with a secret."""
    given: dict[str, Any] = {"secrets_manager_secret_id": name, **more}
    if flavour.asynchronous:
        return await aconnect(network, host, PLUGIN, **given)  # type: ignore[arg-type]
    return connect(network, host, PLUGIN, **given)  # type: ignore[arg-type]


def refusal(flavour: Flavour, network: FakeNetwork, host: str, name: str, **more: Any) -> str:
    """Try to open one; return the error's text."""
    with pytest.raises(AwsWrapperError) as raised:
        flavour.run(opened(flavour, network, host, name, **more))
    return str(raised.value)


def refusal_of(network: FakeNetwork, cluster: FakeCluster, name: str, **more: Any) -> str:
    """Do the same in the blocking flavour, for what is found out before anything is connected."""
    with pytest.raises(AwsWrapperError) as raised:
        connect(network, cluster.writer_endpoint, PLUGIN, secrets_manager_secret_id=name, **more)
    assert network.opened == []
    return str(raised.value)
