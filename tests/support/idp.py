"""Identity providers in the process of a test, over real HTTPS: the look-alikes, and sites of a test's own."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper import release_resources
from aws_advanced_python_wrapper.local.idp.sites import Place, Sites
from aws_advanced_python_wrapper.local.idp.web import HttpsServer
from aws_advanced_python_wrapper.local.proxy.certificates import Authority
from aws_advanced_python_wrapper.sign_in.saml.account import Account
from support.secrecy import keep_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_advanced_python_wrapper.local.idp.web import Reply, Request

HOST = "localhost"
ADDRESS = "127.0.0.1"
USER = "Jäne+1@example.com"
PASSWORD = 'p&ss=w%rd "<ä>"'
keep_secret(PASSWORD)


class Idp:
    """Both look-alikes, with a user whose name and password need every kind of quoting there is."""

    def __init__(self, authority: Authority) -> None:
        self.sites = Sites(USER, dict.fromkeys(("adfs", "okta"), Place(HOST, ADDRESS)), authority)
        self.sites.set_password(PASSWORD)
        self.sites.start()

    def account(self, provider: str, **other: Any) -> Account:
        """Return the user's account, with other fields."""
        port = self.sites.describe()["ports"][provider]
        return replace(Account(HOST, port, USER, PASSWORD, timeout=10.0, verified=True), **other)

    def parameters(self, provider: str, **other: Any) -> dict[str, Any]:
        """Return the driver's parameters for a provider."""
        known = self.sites.describe()
        return {
            "idp_endpoint": HOST,
            "idp_port": known["ports"][provider],
            "idp_username": USER,
            "idp_password": PASSWORD,
            "iam_role_arn": known["role"],
            "iam_idp_arn": known["providers"][provider],
            "db_user": "jane",
            **({"app_id": known["app_id"]} if provider == "okta" else {}),
            **other,
        }


@pytest.fixture(scope="session")
def the_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority(the_authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority for certificates that this process trusts, with no proxy on the way."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(the_authority.ca_file))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, HOST)
    return the_authority


@pytest.fixture(scope="session")
def the_idp(the_authority: Authority) -> Iterator[Idp]:
    made = Idp(the_authority)
    yield made
    made.sites.stop()


@pytest.fixture
def idp(the_idp: Idp, authority: Authority) -> Iterator[Idp]:
    """The providers in good order, of whom this process knows nothing yet."""
    del authority
    release_resources()
    yield the_idp
    the_idp.sites.restore()
    the_idp.sites.set_password(PASSWORD)
    release_resources()


class _Scripted:
    def __init__(self, answer: Callable[[Request], Reply], seen: list[Request]) -> None:
        self._answer = answer
        self._seen = seen

    def answer(self, request: Request) -> Reply:
        self._seen.append(request)
        return self._answer(request)


class Site:
    """A site of a test's own, and what it was asked."""

    def __init__(self, server: HttpsServer, seen: list[Request]) -> None:
        self.seen = seen
        self.account = Account(HOST, server.port, USER, PASSWORD, timeout=10.0, verified=True)


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[[Callable[[Request], Reply]], Site]]:
    """Return a function that serves a site, given the function that answers requests."""
    with ExitStack() as running:
        yield lambda answer: running.enter_context(_serving(answer, authority))


@contextmanager
def _serving(answer: Callable[[Request], Reply], authority: Authority) -> Iterator[Site]:
    seen: list[Request] = []
    server = HttpsServer(_Scripted(answer, seen), ADDRESS, 0, authority.server_context([HOST]))
    server.start()
    yield Site(server, seen)
    server.stop()
