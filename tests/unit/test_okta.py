from __future__ import annotations

import logging
import re
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.local.idp.okta import AUTHN
from aws_advanced_python_wrapper.local.idp.sites import APP_ID
from aws_advanced_python_wrapper.local.idp.web import Reply
from aws_advanced_python_wrapper.sign_in.saml import okta
from aws_advanced_python_wrapper.sign_in.saml.restraint import UserRefusedError
from support.idp import PASSWORD, USER, authority, idp, serve, the_authority, the_idp
from support.secrecy import revealed, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local.idp.realm import State
    from aws_advanced_python_wrapper.local.idp.web import Request
    from support.idp import Idp, Site

__all__ = ["authority", "idp", "serve", "the_authority", "the_idp"]

TOKEN = "20111secret"


def refused(idp: Idp, kind: type[SignInError] = UserRefusedError, app_id: str = APP_ID) -> str:
    with pytest.raises(kind) as refusal:
        okta.assertion(idp.account("okta"), app_id)
    assert type(refusal.value) is kind
    assert revealed(shown(refusal.value)) is None
    return str(refusal.value)


def at_site(serve: Callable[..., Site], authn: Reply, page: Reply | None = None) -> str:
    site = serve(lambda request: authn if request.path == AUTHN else page or Reply())
    with pytest.raises(SignInError) as refusal:
        okta.assertion(site.account, APP_ID)
    assert PASSWORD not in shown(refusal.value)
    assert TOKEN not in shown(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("state", ["ok", "password_warning"])
def test_the_response_stands_on_the_page_of_the_application(idp: Idp, state: State) -> None:
    idp.sites.set_state(state)
    response = okta.assertion(idp.account("okta"), APP_ID)
    assert USER in b64decode(response).decode()
    assert idp.sites.check_assertion(response, idp.sites.realm.role, idp.sites.realm.provider("okta")) is None


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("locked", "has locked the account"),
        ("password_expired", "says that the password of .* has expired.* idp_password"),
        ("mfa_required", "wants .* to prove more than a password.* multi-factor"),
        ("mfa_enroll", "wants .* to prove more than a password.* multi-factor"),
        ("disabled", "does not accept .* check idp_username and idp_password"),
    ],
)
def test_what_is_wrong_with_an_account_is_explained(idp: Idp, state: State, told: str) -> None:
    idp.sites.set_state(state)
    message = refused(idp)
    assert message.startswith(f"Okta at {idp.account('okta').address} ")
    assert re.search(told, message)


def test_a_wrong_password_is_told_with_the_names_of_its_parameters(idp: Idp) -> None:
    idp.sites.set_password("another")
    assert "check idp_username and idp_password" in refused(idp)


def test_a_user_without_the_application_is_told_so(idp: Idp) -> None:
    idp.sites.set_state("not_assigned")
    assert f"use the application app_id='{APP_ID}': have it assigned" in refused(idp, SignInError)


@pytest.mark.parametrize("app_id", ["unknown", "a/../b?c=d#e {0}"])
def test_an_unknown_application_is_named(idp: Idp, app_id: str) -> None:
    assert f"does not know the application app_id={app_id!r}" in refused(idp, SignInError, app_id)


def test_too_many_requests_are_not_the_users_fault(idp: Idp) -> None:
    idp.sites.set_state("rate_limited")
    assert "too many requests (HTTP 429, E0000047): try again in a minute" in refused(idp, SignInError)


def test_a_server_that_fails_is_not_the_users_fault(idp: Idp) -> None:
    idp.sites.set_state("broken")
    assert "answers HTTP 503: try again later" in refused(idp, SignInError)


@pytest.mark.parametrize(
    ("authn", "told"),
    [
        (Reply("<html>", 200), "has no API for signing in (HTTP 200): check idp_endpoint"),
        (Reply("[]", 404), "has no API for signing in (HTTP 404)"),
        (Reply.of_json({"status": "RECOVERY"}), "does not let Jäne+1@example.com sign in (HTTP 200, RECOVERY)"),
        (Reply.of_json({"errorCode": "E0000001"}, 400), "(HTTP 400, E0000001)"),
        (Reply.of_json({"errorCode": f"bad {TOKEN}"}, 400), "sign in (HTTP 400)"),
        (Reply.of_json({"status": "SUCCESS", "sessionToken": None}), "(HTTP 200, SUCCESS)"),
        (Reply("", 429), "too many requests"),
    ],
)
def test_answers_that_no_one_expected_are_told(serve: Callable[..., Site], authn: Reply, told: str) -> None:
    assert told in at_site(serve, authn)


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (Reply("<html><h1>Extra verification</h1></html>"), "asks Jäne+1@example.com for more"),
        (Reply("", 500), "answers HTTP 500 for the application"),
        (Reply.redirect("https://elsewhere.example.com/?onetimetoken=1"), "leads to https://elsewhere.example.com, "),
    ],
)
def test_pages_of_the_application_without_a_response_are_told(
    serve: Callable[..., Site], page: Reply, told: str
) -> None:
    assert told in at_site(serve, Reply.of_json({"status": "SUCCESS", "sessionToken": TOKEN}), page)


def test_cookies_are_kept_on_the_way_to_the_response(serve: Callable[..., Site]) -> None:
    def answer(request: Request) -> Reply:
        if request.path == AUTHN:
            return Reply.of_json({"status": "SUCCESS", "sessionToken": TOKEN})
        if request.query:
            return Reply.redirect(request.path, "sid=1")
        return Reply(f"<form><input name=SAMLResponse value={request.cookies.get('sid', '')}></form>")

    assert okta.assertion(serve(answer).account, APP_ID) == "1"


def test_a_page_that_has_moved_is_asked_for_as_it_is_called_now(serve: Callable[..., Site]) -> None:
    def answer(request: Request) -> Reply:
        if request.path == AUTHN:
            return Reply.of_json({"status": "SUCCESS", "sessionToken": TOKEN})
        return Reply("", 308, headers={"Location": "/new"}) if request.path != "/new" else Reply("", 500)

    site = serve(answer)
    with pytest.raises(SignInError, match="HTTP 500"):
        okta.assertion(site.account, APP_ID)
    assert [request.target for request in site.seen[2:]] == ["/new"]


def test_nothing_secret_is_logged(idp: Idp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    okta.assertion(idp.account("okta"), APP_ID)
    assert caplog.text == ""
