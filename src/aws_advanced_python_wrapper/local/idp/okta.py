"""A look-alike of Okta: primary authentication by its API, and the page of the application that stands for AWS."""

from __future__ import annotations

import secrets
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aws_advanced_python_wrapper.local.idp.web import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.local.idp.realm import Realm
    from aws_advanced_python_wrapper.local.idp.web import Request

AUTHN = "/api/v1/authn"
SKIP = f"{AUTHN}/skip"

_FAILED = ("E0000004", "Authentication failed")
_TOO_MANY = ("E0000047", "API call exceeded rate limit due to too many requests.")
_INVALID = ("E0000011", "Invalid token provided")
_STATES = {
    "password_expired": "PASSWORD_EXPIRED",
    "locked": "LOCKED_OUT",
    "mfa_required": "MFA_REQUIRED",
    "mfa_enroll": "MFA_ENROLL",
}

_HAND_OVER = Template("""\
<!DOCTYPE html>
<html><head><title>Signing in...</title></head>
<body id="app" class="enduser-app">
<div id="okta-signin"></div>
<form id="appForm" action="$action" method="POST"><input name="SAMLResponse" type="hidden" value="$response"/>
<input name="RelayState" type="hidden" value=""/></form>
<script type="text/javascript">document.getElementById('appForm').submit();</script></body></html>
""")
_FORBIDDEN = "<html><body><h1>403</h1><p>User is not assigned to this application.</p></body></html>"


class Okta:
    """The site."""

    name = "okta"

    def __init__(self, realm: Realm, host: str, app_id: str) -> None:
        self._realm = realm
        self._host = host
        self._application = f"/app/amazon_aws/{app_id}/sso/saml"
        self._session_tokens: set[str] = set()
        self._state_tokens: set[str] = set()

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        if self._realm.state == "broken":
            return Reply("Service Unavailable", 503)
        if request.method == "POST" and request.path == AUTHN:
            return self._authenticate(request.json)
        if request.method == "POST" and request.path == SKIP:
            return self._skip(str(request.json.get("stateToken", "")))
        if request.method == "GET" and unquote(request.path) == self._application:
            return self._hand_over(request.query.get("onetimetoken", ""))
        return Reply("Page not found", 404)

    def _authenticate(self, given: Mapping[str, Any]) -> Reply:
        state = self._realm.state
        if state == "rate_limited":
            return _error(429, *_TOO_MANY)
        if state == "disabled" or not self._realm.knows(given.get("username"), given.get("password")):
            return _error(401, *_FAILED)  # it does not tell the one from the other
        if state in _STATES:
            return Reply.of_json({**self._transaction(), "status": _STATES[state]})
        if state == "password_warning":
            skip = {"href": f"https://{self._host}{SKIP}", "hints": {"allow": ["POST"]}}
            warning = {"status": "PASSWORD_WARN", "_links": {"skip": skip}}
            return Reply.of_json({**self._transaction(), **warning})
        return self._success()

    def _skip(self, state_token: str) -> Reply:
        if state_token not in self._state_tokens:
            return _error(401, *_INVALID)
        self._state_tokens.discard(state_token)
        return self._success()

    def _transaction(self) -> dict[str, Any]:
        self._state_tokens.add(token := secrets.token_urlsafe(30))
        user = {"id": "00u1", "profile": {"login": self._realm.username, "locale": "en"}}
        return {"stateToken": token, "_embedded": {"user": user}}

    def _success(self) -> Reply:
        self._session_tokens.add(token := "20111" + secrets.token_urlsafe(40))
        return Reply.of_json({"status": "SUCCESS", "sessionToken": token})

    def _hand_over(self, session_token: str) -> Reply:
        if session_token not in self._session_tokens:
            return Reply.redirect("/login/login.htm")
        self._session_tokens.discard(session_token)  # good for one time
        if self._realm.state == "not_assigned":
            return Reply(_FORBIDDEN, 403)
        response, action = self._realm.vouch(self._host, self.name), "https://signin.aws.amazon.com/saml"
        return Reply(_HAND_OVER.substitute(response=_entities(response), action=_entities(action)))


def _error(status: int, code: str, summary: str) -> Reply:
    values = {"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": f"oae{secrets.token_hex(8)}"}
    return Reply.of_json({**values, "errorCauses": []}, status)


def _entities(text: str) -> str:
    """Escape as this provider does: everything but letters and digits."""
    return "".join(one if one.isalnum() else f"&#x{ord(one):x};" for one in escape(text, quote=False))
