"""Visits to an identity provider over HTTPS. They block, and belong into threads that may."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

import requests

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.parameters.federated import (
    HTTP_REQUEST_CONNECT_TIMEOUT,
    IDP_ENDPOINT,
    IDP_PORT,
    SSL_SECURE,
)
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from aws_advanced_python_wrapper.sign_in.saml import page
from aws_advanced_python_wrapper.sign_in.saml.unverified import UnverifiedAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from aws_advanced_python_wrapper.sign_in.saml.account import Account

_MOST_REDIRECTS = 5
_SAME_METHOD_AGAIN = (307, 308)
_WHERE = f"{IDP_ENDPOINT.name} and {IDP_PORT.name}"


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What the provider sent; `url` is where it came from in the end, and may contain secrets."""

    url: str
    status: int
    body: bytes

    @property
    def page(self) -> page.Page:
        """The body as a page of HTML."""
        return page.read(self.body.decode("utf-8", "replace"))

    @property
    def values(self) -> Mapping[str, Any]:
        """The body as a JSON object; empty if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Browser:
    """Visits the pages of one provider; what it is given there, cookies and all, is forgotten at its end."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._session = requests.Session()
        self._session.auth = _without_more  # or else requests sends what ~/.netrc has for the host
        self._session.headers["Accept-Language"] = "en"  # in which errors are recognised
        if not account.verified:
            self._session.mount("https://", UnverifiedAdapter())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, path: str, **query: str) -> Answer:
        """Return a page of the provider's."""
        return self._visit("GET", f"{self._account.origin}{path}?{urlencode(query)}")

    def post_json(self, path: str, **values: str) -> Answer:
        """Return the answer of the provider's API."""
        return self._visit("POST", self._account.origin + path, json=values, headers={"Accept": "application/json"})

    def submit(self, seen: Answer, form: page.Form, values: Mapping[str, str]) -> Answer:
        """Send a form as it stands on a page that was seen, with these values."""
        if form.method != "post":
            raise SignInError(f"The form of {self._account.address} would send the password in an address: refused.")
        return self._visit("POST", self._own(seen.url, form.action), data=values)

    def _visit(self, method: str, url: str, **content: Any) -> Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._send(method, url, **content)
            if not response.is_redirect:
                return Answer(url, response.status_code, response.content)
            url = self._own(url, response.headers["location"])
            if response.status_code not in _SAME_METHOD_AGAIN:
                method, content = "GET", {}
        raise SignInError(f"{self._account.address} redirects again and again: check {_WHERE}.")

    def _own(self, here: str, reference: str) -> str:
        """Return the address that a page refers to, which has to be the provider's: nobody else is told anything."""
        try:
            url = urljoin(here, reference)
            parts = urlsplit(url)
        except ValueError:
            raise SignInError(f"{self._account.address} leads to an address that is none: check {_WHERE}.") from None
        if parts.scheme == "https" and (parts.hostname or "") == self._account.host:
            return url
        raise SignInError(
            f"{self._account.address} leads to {parts.scheme}://{parts.hostname}, where the password is not sent: "
            f"only https://{self._account.host} is trusted. Give the host that is meant as {IDP_ENDPOINT.name}."
        )

    def _send(self, method: str, url: str, **content: Any) -> requests.Response:
        limits: dict[str, Any] = {
            "allow_redirects": False,
            "timeout": self._account.timeout,
            "verify": self._account.verified,
        }
        try:
            with quiet():
                return self._session.request(method, url, **limits, **content)
        except OSError as error:  # what requests raises, too
            problem = self._explained(error)
        raise problem  # here, without the error of requests behind it: that tells the address and what is secret in it

    def _explained(self, error: OSError) -> SignInError:
        who, reason = self._account.address, _innermost(error)
        if isinstance(error, requests.exceptions.SSLError):
            return SignInError(
                f"The TLS certificate of {who} is not accepted ({reason}). Have the environment variable "
                f"REQUESTS_CA_BUNDLE name a file with the certificate of its authority; {SSL_SECURE.name}=false would "
                "let anybody on the way take the password."
            )
        if isinstance(error, requests.exceptions.ProxyError):
            return SignInError(f"The proxy on the way to {who} fails ({reason}): check HTTPS_PROXY and NO_PROXY.")
        if isinstance(error, requests.exceptions.Timeout):
            seconds = f"{HTTP_REQUEST_CONNECT_TIMEOUT.name}={self._account.timeout:g} s"
            return SignInError(f"{who} did not answer within {seconds}: check {_WHERE}, and that it is up.")
        if isinstance(error, requests.exceptions.RequestException):
            return SignInError(f"{who} cannot be reached ({reason}): check {_WHERE}, and that it is up.")
        return SignInError(
            f"The TLS certificate of {who} cannot be checked ({reason}): check that REQUESTS_CA_BUNDLE and "
            "CURL_CA_BUNDLE, where set, name a file that can be read."
        )


def _without_more(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _innermost(error: BaseException) -> str:
    """Return what went wrong in the words of the innermost error: those of the others have addresses in them."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, requests.exceptions.RequestException):
        return type(error).__name__
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
