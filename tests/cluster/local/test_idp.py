"""The identity providers beside a local cluster, visited as a browser would."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError
from aws_advanced_python_wrapper.local.idp.assertions import Assertions
from support.secrecy import keep_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.request import OpenerDirector

ROLE = "arn:aws:iam::123456789012:role/database-user"
PROVIDER = "arn:aws:iam::123456789012:saml-provider/okta"


@pytest.fixture
def cluster(iam_postgresql: LocalCluster) -> LocalCluster:
    iam_postgresql.restore()
    keep_secret(iam_postgresql.idp.parameters("okta")["idp_password"])
    return iam_postgresql


@pytest.fixture
def visit(cluster: LocalCluster) -> Callable[..., tuple[int, str]]:
    """Return a function that visits a provider's page: with JSON if there are values to send."""
    trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=cluster.idp.ca_bundle))
    opener: OpenerDirector = urllib.request.build_opener(trusting, urllib.request.ProxyHandler({}))

    def open_page(provider: Any, path: str, **values: str) -> tuple[int, str]:
        known = cluster.idp.parameters(provider)
        url = f"https://{known['idp_endpoint']}:{known['idp_port']}{path}"
        request = urllib.request.Request(url, json.dumps(values).encode() if values else None)
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return open_page


def credentials(cluster: LocalCluster) -> dict[str, str]:
    known = cluster.idp.parameters("okta")
    return {"username": known["idp_username"], "password": known["idp_password"]}


def test_names_resolve_and_certificates_are_good(visit: Callable[..., tuple[int, str]]) -> None:
    for provider, page in (
        ("adfs", "/adfs/ls/IdpInitiatedSignOn.aspx?loginToRp=urn:amazon:webservices"),
        ("okta", "/"),
    ):
        status, body = visit(provider, page)
        assert status == (200 if provider == "adfs" else 404)
        assert "Sign in" in body or provider == "okta"


def test_what_is_asked_for_is_counted(cluster: LocalCluster, visit: Callable[..., tuple[int, str]]) -> None:
    for _ in range(2):
        visit("okta", "/api/v1/authn", username="nobody", password="wrong")
    visit("adfs", "/elsewhere?x=1")
    assert cluster.idp.calls() == {"okta POST /api/v1/authn": 2, "adfs GET /elsewhere": 1}
    cluster.restore()
    assert cluster.idp.calls() == {}


def test_errors_have_the_shape_of_oktas(cluster: LocalCluster, visit: Callable[..., tuple[int, str]]) -> None:
    status, body = visit("okta", "/api/v1/authn", username="nobody", password="wrong")
    assert (status, json.loads(body)["errorCode"]) == (401, "E0000004")
    cluster.idp.set_state("rate_limited")
    status, body = visit("okta", "/api/v1/authn", **credentials(cluster))
    assert (status, json.loads(body)["errorCode"]) == (429, "E0000047")


def test_a_session_token_counts_once(cluster: LocalCluster, visit: Callable[..., tuple[int, str]]) -> None:
    token = json.loads(visit("okta", "/api/v1/authn", **credentials(cluster))[1])["sessionToken"]
    page = f"/app/amazon_aws/{cluster.idp.parameters('okta')['app_id']}/sso/saml?onetimetoken={token}"
    answers = [visit("okta", page) for _ in range(2)]
    assert [status for status, _ in answers] == [200, 404]
    assert ["SAMLResponse" in body for _, body in answers] == [True, False]


def test_the_password_can_be_changed(cluster: LocalCluster, visit: Callable[..., tuple[int, str]]) -> None:
    before = credentials(cluster)
    cluster.idp.set_password("another")
    try:
        assert visit("okta", "/api/v1/authn", **before)[0] == 401
        assert visit("okta", "/api/v1/authn", **credentials(cluster))[0] == 200
    finally:
        cluster.idp.set_password(before["password"])


def test_providers_that_are_down_come_back_at_the_same_port(
    cluster: LocalCluster, visit: Callable[..., tuple[int, str]]
) -> None:
    port = cluster.idp.parameters("okta")["idp_port"]
    cluster.idp.take_down()
    with pytest.raises(urllib.error.URLError, match="refused"):
        visit("okta", "/")
    cluster.idp.restore()
    assert visit("okta", "/")[0] == 404
    assert cluster.idp.parameters("okta")["idp_port"] == port


def test_an_unknown_state_is_refused(cluster: LocalCluster) -> None:
    with pytest.raises(LocalClusterError, match="state='drunk': choose ok, password_warning"):
        cluster.idp.set_state("drunk")  # type: ignore[arg-type]


def test_a_cluster_without_iam_has_none() -> None:
    with pytest.raises(LocalClusterError, match="start it with iam=True"):
        _ = LocalCluster().idp


# What STS is told


def test_a_response_counts_for_its_role_and_provider_and_for_five_minutes() -> None:
    assertions = Assertions()
    response = assertions.issue("https://okta.example.com", "jane & co", ROLE, PROVIDER)
    assert assertions.check(response, ROLE, PROVIDER) is None
    assert assertions.check(response, f"{ROLE}2", PROVIDER) == "it is for another role"
    assert assertions.check(response, ROLE, f"{PROVIDER}2") == "it is another provider's"
    assert assertions.check(response[:-4], ROLE, PROVIDER) == "nobody here has issued it"
    assertions.age = 300
    assert assertions.check(assertions.issue("okta", "jane", ROLE, PROVIDER), ROLE, PROVIDER) == "it has expired"


def test_a_response_is_xml_that_names_user_and_role() -> None:
    response = Assertions().issue("https://okta.example.com", "jane & co", ROLE, PROVIDER)
    values = [value.text for value in ET.fromstring(b64decode(response)).iter() if value.tag.endswith("AttributeValue")]  # noqa: S314  # our own
    assert values == ["jane & co", f"{ROLE},{PROVIDER}"]
