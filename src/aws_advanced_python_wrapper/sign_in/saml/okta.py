"""Okta: signing in through its API for primary authentication."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.parameters.federated import (
    APP_ID,
    IDP_ENDPOINT,
    IDP_PASSWORD,
    IDP_PORT,
    IDP_USERNAME,
)
from aws_advanced_python_wrapper.sign_in.saml.browser import Browser
from aws_advanced_python_wrapper.sign_in.saml.page import SAML_RESPONSE
from aws_advanced_python_wrapper.sign_in.saml.restraint import UserRefusedError

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.sign_in.saml.account import Account
    from aws_advanced_python_wrapper.sign_in.saml.browser import Answer

_AUTHN = "/api/v1/authn"
_OK = 200
_FORBIDDEN = 403
_NOT_FOUND = 404
_TOO_MANY = 429
_SERVER_ERROR = 500

_SECOND_FACTOR = (
    "wants {user} to prove more than a password, which a driver cannot: have a sign-on policy exempt this user from "
    "multi-factor authentication."
)
_EXPIRED = f"says that the password of {{user}} has expired: set another one, and give it as {IDP_PASSWORD.name}."
_LOCKED = "has locked the account of {user}: have it unlocked, or wait until it is."
_MEANINGS = {
    "E0000004": f"does not accept {{user}} with this password: check {IDP_USERNAME.name} and {IDP_PASSWORD.name}.",
    "E0000069": _LOCKED,
    "LOCKED_OUT": _LOCKED,
    "MFA_REQUIRED": _SECOND_FACTOR,
    "MFA_CHALLENGE": _SECOND_FACTOR,
    "MFA_ENROLL": _SECOND_FACTOR,
    "MFA_ENROLL_ACTIVATE": _SECOND_FACTOR,
    "PASSWORD_EXPIRED": _EXPIRED,
    "PASSWORD_RESET": _EXPIRED,
}
"""Codes of errors, and states in which the user has no session yet."""

_CODE = re.compile(r"[A-Z][A-Z0-9_]+")


def assertion(account: Account, app_id: str) -> str:
    """Return the SAML response, in base64, with which Okta vouches for a user. Raises `SignInError`."""
    with Browser(account) as browser:
        token = _session_token(browser, account)
        answer = browser.get(f"/app/amazon_aws/{quote(app_id, safe='')}/sso/saml", onetimetoken=token)
        found = answer.page.value(SAML_RESPONSE)
        if answer.status != _OK or not found:
            raise SignInError(f"Okta at {account.address} {_about_application(account.username, app_id, answer)}")
        return found


def _session_token(browser: Browser, account: Account) -> str:
    answer = browser.post_json(_AUTHN, username=account.username, password=account.password)
    if answer.values.get("status") == "PASSWORD_WARN":  # it will expire, and has not yet
        answer = browser.post_json(f"{_AUTHN}/skip", stateToken=str(answer.values.get("stateToken", "")))
    token = answer.values.get("sessionToken")
    if answer.status != _OK or not isinstance(token, str) or not token:
        raise _no_session(account, answer)
    return token


def _no_session(account: Account, answer: Answer) -> SignInError:
    codes = [str(answer.values.get(name, "")) for name in ("errorCode", "status")]
    if meanings := [_MEANINGS[code] for code in codes if code in _MEANINGS]:
        return UserRefusedError(f"Okta at {account.address} {meanings[0].format(user=account.username)}")
    return SignInError(f"Okta at {account.address} {_about_user(account.username, answer, codes)}")


def _about_user(user: str, answer: Answer, codes: list[str]) -> str:
    """Tell why a user has no session of whom nothing is known to be wrong."""
    if answer.status == _TOO_MANY:
        return "gets too many requests (HTTP 429, E0000047): try again in a minute, with fewer processes at once."
    if answer.status >= _SERVER_ERROR:
        return f"answers HTTP {answer.status}: try again later."
    if not answer.values:
        return f"has no API for signing in (HTTP {answer.status}): check {IDP_ENDPOINT.name} and {IDP_PORT.name}."
    what = ", ".join([f"HTTP {answer.status}", *filter(_CODE.fullmatch, codes)])
    return f"does not let {user} sign in ({what}): its system log says why."


def _about_application(user: str, app_id: str, answer: Answer) -> str:
    """Tell why there is no SAML response for a user who has a session."""
    application = f"the application {APP_ID.name}={app_id!r}"
    if answer.status == _NOT_FOUND:
        return f"does not know {application}: give the id that stands in the address of its page."
    if answer.status == _FORBIDDEN:
        return f"does not let {user} use {application}: have it assigned to this user."
    if answer.status != _OK:
        return f"answers HTTP {answer.status} for {application}: try again later; its system log may say why."
    return (
        f"asks {user} for more before it opens {application}: have the application assigned to this user, and its "
        "sign-on policy want no second factor."
    )
