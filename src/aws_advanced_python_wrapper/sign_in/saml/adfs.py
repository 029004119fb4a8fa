"""Active Directory Federation Services: signing in by its form, as a person would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.parameters.federated import (
    IDP_ENDPOINT,
    IDP_PASSWORD,
    IDP_PORT,
    IDP_USERNAME,
    RP_IDENTIFIER,
)
from aws_advanced_python_wrapper.sign_in.saml.browser import Browser
from aws_advanced_python_wrapper.sign_in.saml.page import SAML_RESPONSE
from aws_advanced_python_wrapper.sign_in.saml.restraint import UserRefusedError

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.sign_in.saml.account import Account
    from aws_advanced_python_wrapper.sign_in.saml.browser import Answer
    from aws_advanced_python_wrapper.sign_in.saml.page import Field, Form, Page

_SIGN_ON = "/adfs/ls/IdpInitiatedSignOn.aspx"
_METHOD = "AuthMethod"
_BY_FORM = "FormsAuthentication"
_CLICKED = frozenset({"submit", "button", "image", "reset", "checkbox", "radio"})
"""Inputs that are sent only if they are clicked."""
_OK = 200
_UNAUTHORIZED = 401
_NOT_FOUND = 404

_TROUBLE = {
    "lock": "has locked the account of {user}: have it unlocked, or wait until it is.",
    "expired": f"says that the password of {{user}} has expired: set another one, and give it as {IDP_PASSWORD.name}.",
    "disabled": "says that the account of {user} is disabled: have it enabled.",
    "": f"does not accept {{user}} with this password: check {IDP_USERNAME.name} and {IDP_PASSWORD.name}.",
}
"""A word in the page's error -> what it means; the last one is in every error."""

_SECOND_FACTOR = (
    "wants {user} to prove more than a password, which a driver cannot: exempt this user, or this relying party, from "
    "multi-factor authentication."
)
_UPDATE_PASSWORD = re.compile(r"/adfs/portal/updatepassword\b", re.IGNORECASE)
_EVENT = re.compile(r"\bMSIS\d{4}\b")
_RELYING_PARTY_EVENTS = frozenset({"MSIS3020", "MSIS7007"})


def assertion(account: Account, rp_identifier: str) -> str:
    """Return the SAML response, in base64, with which AD FS vouches for a user. Raises `SignInError`."""
    with Browser(account) as browser:
        seen = browser.get(_SIGN_ON, loginToRp=rp_identifier)
        form = _login_form(seen.page)
        if seen.status != _OK or form is None:
            raise _refusal(account, rp_identifier, seen)
        answer = browser.submit(seen, form, _filled(form, account))
        found = answer.page.value(SAML_RESPONSE)
        if answer.status != _OK or not found:
            raise _refusal(account, rp_identifier, answer, asked=True)
        return found


def _login_form(page: Page) -> Form | None:
    return next((form for form in page.forms if {*map(_purpose, form.fields)} >= {"user", "password"}), None)


def _purpose(field: Field) -> str:
    name = field.name.lower()
    if field.kind == "hidden" or field.kind in _CLICKED:
        return ""
    if field.kind == "password" or "pass" in name:
        return "password"
    return "user" if "user" in name or "email" in name else ""


def _filled(form: Form, account: Account) -> dict[str, str]:
    """Return what a browser would send when the user clicks "Sign in"."""
    answers = {"user": account.username, "password": account.password}
    inputs = [field for field in form.fields if field.kind not in _CLICKED]
    inputs += [field for field in form.fields if field.kind == "submit"][:1]
    return {_METHOD: _BY_FORM} | {field.name: answers.get(_purpose(field), field.value) for field in inputs}


def _refusal(account: Account, rp_identifier: str, answer: Answer, *, asked: bool = False) -> SignInError:
    """Return the error for an answer that leads no further; `asked`: the user's password was given."""
    page = answer.page
    if asked and (trouble := _trouble(answer.url, page)):
        return UserRefusedError(f"AD FS at {account.address} {trouble.format(user=account.username)}")
    return SignInError(f"AD FS at {account.address} {_failure(rp_identifier, answer.status, page)}")


def _trouble(url: str, page: Page) -> str:
    """Tell what there is about this user; "" if there is nothing."""
    if _UPDATE_PASSWORD.search(urlsplit(url).path):
        return _TROUBLE["expired"]
    if _login_form(page) is None:
        other_method = page.value(_METHOD) not in (None, _BY_FORM)
        return _SECOND_FACTOR if other_method else ""
    return next(meaning for word, meaning in _TROUBLE.items() if word in page.error.lower())


def _failure(rp_identifier: str, status: int, page: Page) -> str:
    """Tell what is wrong for every user."""
    event = next(iter(_EVENT.findall(page.text)), "")
    if event in _RELYING_PARTY_EVENTS:
        return (
            f"knows no relying party '{rp_identifier}', or does not let this user go there ({event}): "
            f"check {RP_IDENTIFIER.name}."
        )
    if event:
        return f"refuses to sign in ({event}): its event log says why."
    if status == _UNAUTHORIZED:
        return "wants Windows integrated authentication (HTTP 401): have it offer forms authentication."
    if status == _NOT_FOUND:
        return f"has no page for signing in (HTTP 404): check {IDP_ENDPOINT.name} and {IDP_PORT.name}."
    if status != _OK:
        return f"answers HTTP {status}: try again later; its event log may say why."
    return (
        f"sent a page on which there is nothing to sign in with: check {IDP_ENDPOINT.name} and {IDP_PORT.name}, and "
        "that forms authentication and its page for signing in are enabled."
    )
