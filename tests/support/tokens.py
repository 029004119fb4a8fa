"""Connections that are opened with tokens in place of passwords, on the network in memory."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.local.aws.tokens import Access, refusal
from aws_advanced_python_wrapper.testing import aconnect, connect

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork
    from support.aws_api import Aws
    from support.flavours import Flavour

USER = "app"


class TokensOf(set[str]):
    """The tokens that RDS would accept."""

    def __init__(self, aws: Aws, *hosts: str, port: int = 5432, region: str = "us-east-2", user: str = USER) -> None:
        self._aws = aws
        self.access = Access(hosts, port, user, region)
        self.seen: Counter[object] = Counter()

    def __contains__(self, token: object) -> bool:
        self.seen[token] += 1
        return refusal(str(token), self.access, self._aws.keys, time.time()) is None


async def opened(flavour: Flavour, network: FakeNetwork, host: str, plugins: str = "iam", **given: Any) -> Any:
    """Open a connection with a token."""
    if flavour.asynchronous:
        return await aconnect(network, host, plugins, **given)
    return connect(network, host, plugins, **given)


def token_of(network: FakeNetwork) -> str:
    """Return the token of the program's connection that was opened last."""
    return str(network.opened_by("program")[-1].arguments["password"])


def query_of(token: str) -> dict[str, str]:
    """Return what a token says."""
    return {name: values[0] for name, values in parse_qs(token.partition("?")[2]).items()}


def mistake(network: FakeNetwork, host: str, **given: Any) -> str:
    """Try to open a connection; return the error's text."""
    with pytest.raises(AwsWrapperError) as raised:
        connect(network, host, "iam", **given)
    assert network.attempts == []
    return str(raised.value)
