"""Both look-alikes together, as the supervisor of a cluster runs them."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.idp.adfs import RELYING_PARTY, Adfs
from aws_advanced_python_wrapper.local.idp.okta import Okta
from aws_advanced_python_wrapper.local.idp.realm import Realm
from aws_advanced_python_wrapper.local.idp.web import HttpsServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.local.idp.realm import State
    from aws_advanced_python_wrapper.local.idp.web import Reply, Request, Site
    from aws_advanced_python_wrapper.local.proxy.certificates import Authority

APP_ID = "exk1local2rehearsal3"


class Place(NamedTuple):
    """Where a site is: its name, and where it listens."""

    host: str
    address: str
    port: int = 0

    def server(self, site: Site, authority: Authority) -> HttpsServer:
        """Return what serves a site here."""
        return HttpsServer(site, self.address, self.port, authority.server_context([self.host]))


class Sites:
    """AD FS and Okta, with one user between them; `places` has one for "adfs" and one for "okta"."""

    def __init__(self, username: str, places: Mapping[str, Place], authority: Authority) -> None:
        self.realm = Realm(username)
        self._hosts = {name: place.host for name, place in places.items()}
        self._traffic = _Traffic()
        adfs = Adfs(self.realm, self._hosts["adfs"])
        okta = Okta(self.realm, self._hosts["okta"], APP_ID)
        self._servers = {
            "adfs": places["adfs"].server(_Watched("adfs", adfs, self._traffic), authority),
            "okta": places["okta"].server(_Watched("okta", okta, self._traffic), authority),
        }

    def start(self) -> None:
        """Have both listen."""
        for server in self._servers.values():
            server.start()

    def stop(self) -> None:
        """Have both listen no more."""
        self._traffic.restore()
        for server in self._servers.values():
            server.stop()

    def describe(self) -> dict[str, Any]:
        """Return what a client has to know, the password included."""
        return {
            "hosts": self._hosts,
            "ports": {name: server.port for name, server in self._servers.items()},
            "providers": {name: self.realm.provider(name) for name in self._servers},
            "username": self.realm.username,
            "password": self.realm.password,
            "role": self.realm.role,
            "rp_identifier": RELYING_PARTY,
            "app_id": APP_ID,
        }

    def check_assertion(self, response: str, role: str, provider: str) -> str | None:
        """Return what is wrong with a SAML response that is presented to AWS; None if nothing is."""
        return self.realm.assertions.check(response, role, provider)

    def set_state(self, state: State) -> None:
        """Change how the user's account is."""
        self.realm.set_state(state)

    def set_password(self, password: str) -> None:
        """Change the user's password."""
        self.realm.password = password

    def slow(self, seconds: float) -> None:
        """Answer everything so much later."""
        if seconds < 0:
            raise LocalClusterError(f"seconds={seconds!r}: give 0 or more")
        self._traffic.delay = seconds

    def take_down(self) -> None:
        """Refuse connections."""
        for server in self._servers.values():
            server.stop()

    def restore(self) -> None:
        """Put everything back in order, and count anew."""
        self.realm.set_state("ok")
        self._traffic.restore()
        self.start()

    def calls(self) -> dict[str, int]:
        """Return how often each page was asked for, such as "okta POST /api/v1/authn"."""
        return self._traffic.counts()


class _Traffic:
    """What passes, and how slowly."""

    def __init__(self) -> None:
        self.delay = 0.0
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._over = threading.Event()

    def pass_on(self, call: str) -> None:
        """Count a call, and hold it up."""
        with self._lock:
            self._counts[call] += 1
            over = self._over
        over.wait(self.delay)

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def restore(self) -> None:
        """Forget what was counted, and let go of what is held up."""
        with self._lock:
            self._counts.clear()
            self.delay, over, self._over = 0.0, self._over, threading.Event()
        over.set()


class _Watched:
    """A site whose traffic is counted and held up."""

    def __init__(self, name: str, site: Site, traffic: _Traffic) -> None:
        self._name = name
        self._site = site
        self._traffic = traffic

    def answer(self, request: Request) -> Reply:
        self._traffic.pass_on(f"{self._name} {request.method} {request.path}")
        return self._site.answer(request)
