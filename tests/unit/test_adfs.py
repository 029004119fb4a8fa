from __future__ import annotations

import logging
import re
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.local.idp.web import Reply
from aws_advanced_python_wrapper.sign_in.saml import adfs
from aws_advanced_python_wrapper.sign_in.saml.restraint import UserRefusedError
from support.idp import PASSWORD, USER, authority, idp, serve, the_authority, the_idp
from support.secrecy import revealed, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.local.idp.realm import State
    from aws_advanced_python_wrapper.local.idp.web import Request
    from support.idp import Idp, Site

__all__ = ["authority", "idp", "serve", "the_authority", "the_idp"]

RELYING_PARTY = "urn:amazon:webservices"
LOGIN = """<form method="post" id="loginForm" action="{action}"><span id="errorText">{error}</span>
<input name="UserName" type="email"><input name="Password" type="password"></form>"""
WORD = "PHNhbWw+"


def refused(idp: Idp, kind: type[SignInError] = UserRefusedError, relying_party: str = RELYING_PARTY) -> str:
    with pytest.raises(kind) as refusal:
        adfs.assertion(idp.account("adfs"), relying_party)
    assert type(refusal.value) is kind
    assert revealed(shown(refusal.value)) is None
    return str(refusal.value)


def at_site(site: Site) -> str:
    with pytest.raises(SignInError) as refusal:
        adfs.assertion(site.account, RELYING_PARTY)
    assert PASSWORD not in shown(refusal.value)
    return str(refusal.value)


def test_the_form_is_filled_and_sent_and_the_response_found_behind_a_redirect(idp: Idp) -> None:
    response = adfs.assertion(idp.account("adfs"), RELYING_PARTY)
    assert USER in b64decode(response).decode()
    assert idp.sites.check_assertion(response, idp.sites.realm.role, idp.sites.realm.provider("adfs")) is None
    assert idp.sites.calls() == {
        "adfs GET /adfs/ls/IdpInitiatedSignOn.aspx": 2,
        "adfs POST /adfs/ls/IdpInitiatedSignOn.aspx": 1,
    }


def test_a_session_ends_with_each_sign_in(idp: Idp) -> None:
    for _ in range(2):
        adfs.assertion(idp.account("adfs"), RELYING_PARTY)
    assert idp.sites.calls()["adfs POST /adfs/ls/IdpInitiatedSignOn.aspx"] == 2


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("locked", "has locked the account"),
        ("disabled", "says that the account of .* is disabled"),
        ("password_expired", "says that the password of .* has expired.* idp_password"),
        ("mfa_required", "wants .* to prove more than a password.* multi-factor"),
    ],
)
def test_what_is_wrong_with_an_account_is_explained(idp: Idp, state: State, told: str) -> None:
    idp.sites.set_state(state)
    message = refused(idp)
    assert message.startswith(f"AD FS at {idp.account('adfs').address} ")
    assert USER in message
    assert re.search(told, message)


def test_a_wrong_password_is_told_with_the_names_of_its_parameters(idp: Idp) -> None:
    idp.sites.set_password("another")
    assert "check idp_username and idp_password" in refused(idp)


def test_an_unknown_relying_party_is_named(idp: Idp) -> None:
    message = refused(idp, SignInError, "urn:other one&more")
    assert "knows no relying party 'urn:other one&more'" in message
    assert "(MSIS7007): check rp_identifier" in message


def test_a_server_that_fails_is_not_the_users_fault(idp: Idp) -> None:
    idp.sites.set_state("broken")
    assert "answers HTTP 503: try again later" in refused(idp, SignInError)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, "", "Windows integrated authentication"),
        (404, "", "check idp_endpoint and idp_port"),
        (500, "", "answers HTTP 500"),
        (201, LOGIN.format(action="", error=""), "answers HTTP 201"),
        (200, "<p>Welcome</p>", "nothing to sign in with: check idp_endpoint"),
        (200, '<form method="post"><input name="q"></form>', "nothing to sign in with"),
        (200, "<p>Error details: MSIS9605: no.</p>", "refuses to sign in (MSIS9605)"),
    ],
)
def test_a_site_that_is_not_what_was_expected_is_told(
    serve: Callable[..., Site], status: int, body: str, told: str
) -> None:
    site = serve(lambda _: Reply(body, status))
    assert told in at_site(site)
    assert [request.method for request in site.seen] == ["GET"]


def test_hidden_values_are_sent_as_they_are_and_only_the_first_button_is_clicked(serve: Callable[..., Site]) -> None:
    page = """<form method="post" action="/else?x=1"><input type="hidden" name="Context" value="c+&amp;=">
        <input type="hidden" name="PasswordPolicy" value="p"><input name="UserName" value="old"><input type="checkbox"
        name="Kmsi" value="true"><input name="Password" type="password"><input type="submit" name="Go"
        value="1"><input type="submit" name="Leave" value="1"></form>"""

    def answer(request: Request) -> Reply:
        return Reply(page if request.method == "GET" else f"<form><input name=SAMLResponse value='{WORD}'></form>")

    site = serve(answer)
    assert adfs.assertion(site.account, RELYING_PARTY) == WORD
    sent = site.seen[1]
    assert sent.target == "/else?x=1"
    assert sent.form == {
        "AuthMethod": "FormsAuthentication",
        "Context": "c+&=",
        "PasswordPolicy": "p",
        "UserName": USER,
        "Password": PASSWORD,
        "Go": "1",
    }


@pytest.mark.parametrize("elsewhere", ["https://evil.example.com/adfs/", "http://localhost/", "//evil.example.com/"])
def test_the_password_goes_nowhere_else(serve: Callable[..., Site], elsewhere: str) -> None:
    site = serve(lambda _: Reply(LOGIN.format(action=elsewhere, error="")))
    assert "where the password is not sent" in at_site(site)
    assert len(site.seen) == 1


def test_the_password_is_not_put_into_an_address(serve: Callable[..., Site]) -> None:
    site = serve(lambda _: Reply(LOGIN.format(action="/", error="").replace("post", "get")))
    assert "would send the password in an address" in at_site(site)
    assert len(site.seen) == 1


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_elsewhere_is_not_followed_with_the_password(serve: Callable[..., Site], status: int) -> None:
    def answer(request: Request) -> Reply:
        if request.method == "GET":
            return Reply(LOGIN.format(action="", error=""))
        return Reply("", status, headers={"Location": "https://evil.example.com/take"})

    assert "leads to https://evil.example.com" in at_site(serve(answer))


def test_an_address_that_is_none_is_told(serve: Callable[..., Site]) -> None:
    site = serve(lambda _: Reply(LOGIN.format(action="https://[", error="")))
    assert "leads to an address that is none: check idp_endpoint" in at_site(site)


def test_redirects_without_end_come_to_one(serve: Callable[..., Site]) -> None:
    site = serve(lambda request: Reply.redirect(request.target))
    assert "redirects again and again" in at_site(site)
    assert len(site.seen) == 6


def test_an_error_of_the_page_in_other_words_is_a_refusal(serve: Callable[..., Site]) -> None:
    site = serve(lambda _: Reply(LOGIN.format(action="", error="Nein.")))
    assert "does not accept" in at_site(site)


def test_nothing_secret_is_logged(idp: Idp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    adfs.assertion(idp.account("adfs"), RELYING_PARTY)
    assert caplog.text == ""


def test_a_choice_of_other_methods_beside_the_form_is_no_second_factor(serve: Callable[..., Site]) -> None:
    options = '<form method="post"><input type="hidden" name="AuthMethod" value="CertificateAuthentication"></form>'
    site = serve(lambda _: Reply(options + LOGIN.format(action="", error="")))
    assert "does not accept" in at_site(site)
