from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import pytest
import requests
from urllib3.exceptions import InsecureRequestWarning

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.local.idp.web import Reply
from aws_advanced_python_wrapper.local.proxy.certificates import Authority
from aws_advanced_python_wrapper.sign_in.saml import adfs
from aws_advanced_python_wrapper.sign_in.saml.browser import Browser
from support.idp import PASSWORD, authority, idp, serve, the_authority, the_idp
from support.secrecy import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.idp import Idp, Site

__all__ = ["authority", "idp", "serve", "the_authority", "the_idp"]


def refused(idp: Idp, **other: object) -> str:
    with pytest.raises(SignInError) as refusal:
        adfs.assertion(idp.account("adfs", **other), "urn:amazon:webservices")
    assert PASSWORD not in shown(refusal.value)
    return str(refusal.value)


def test_a_certificate_of_an_unknown_authority_is_refused(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert re.search("TLS certificate of localhost:.* is not accepted .*REQUESTS_CA_BUNDLE.*ssl_secure", refused(idp))
    assert idp.sites.calls() == {}


def test_a_certificate_for_another_name_is_refused(idp: Idp) -> None:
    assert "is not accepted" in refused(idp, host="127.0.0.1")
    assert idp.sites.calls() == {}


def test_a_bundle_that_is_not_there_is_told(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/there/is/none.pem")
    assert "check that REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE" in refused(idp)


def test_without_verification_any_certificate_will_do(
    idp: Idp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = tmp_path / "another"
    another.mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority.create(another).ca_file))
    assert adfs.assertion(idp.account("adfs", verified=False), "urn:amazon:webservices")


def test_without_verification_there_is_no_warning_at_each_request(idp: Idp) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        adfs.assertion(idp.account("adfs", verified=False), "urn:amazon:webservices")
    assert seen == []


def test_a_programs_own_requests_are_warned_of_as_ever(idp: Idp) -> None:
    account = idp.account("adfs", verified=False)
    adfs.assertion(account, "urn:amazon:webservices")
    with pytest.warns(InsecureRequestWarning):
        requests.get(account.origin, verify=False, timeout=10)  # noqa: S501 - that is what is looked at


def test_a_provider_that_is_down_is_named(idp: Idp) -> None:
    account = idp.account("adfs")
    idp.sites.take_down()
    message = refused(idp)
    assert message.startswith(
        f"{account.address} cannot be reached (Connection refused): check idp_endpoint and idp_port"
    )


def test_a_name_that_nobody_knows_is_told(idp: Idp) -> None:
    assert "there-is-none.invalid" in refused(idp, host="there-is-none.invalid")


def test_a_provider_that_is_silent_is_given_up(idp: Idp) -> None:
    idp.sites.slow(60)
    assert "did not answer within http_request_connect_timeout=0.2 s" in refused(idp, timeout=0.2)


def test_a_proxy_that_fails_is_told(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", "http://jane:s3cr3t@127.0.0.1:9")
    message = refused(idp)
    assert "The proxy on the way to localhost" in message
    assert "s3cr3t" not in message


def test_what_netrc_has_for_the_host_is_not_sent(
    serve: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login jane password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    site = serve(lambda _: Reply("{}"))
    with Browser(site.account) as browser:
        browser.get("/")
    assert "Authorization" not in site.seen[0].headers
    assert "Accept-Language" in site.seen[0].headers


def test_an_answer_shows_nothing(serve: Callable[..., Site]) -> None:
    site = serve(lambda _: Reply('{"sessionToken": "secret"}'))
    with Browser(site.account) as browser:
        answer = browser.get("/", onetimetoken="secret")
    assert answer.values == {"sessionToken": "secret"}
    assert "secret" not in repr(answer)
