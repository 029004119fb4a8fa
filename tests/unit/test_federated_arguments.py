from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.okta_plugin import OktaPlugin
from aws_advanced_python_wrapper.properties import Settings
from aws_advanced_python_wrapper.sign_in import extras
from aws_advanced_python_wrapper.sign_in.saml.grant import Grant
from aws_advanced_python_wrapper.testing import FakeAdapter, FakeCluster, connect

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.testing import FakeNetwork

PLUGINS = {"adfs": "federated_auth", "okta": "okta"}
GIVEN = {
    "idp_endpoint": "idp.example.com",
    "idp_username": "jane",
    "idp_password": "secret",
    "iam_role_arn": "arn:aws:iam::123456789012:role/database-user",
    "iam_idp_arn": "arn:aws:iam::123456789012:saml-provider/idp",
    "db_user": "jane",
}


def refusal(network: FakeNetwork, provider: str, **other: Any) -> str:
    """Try to open a connection; return the error's text."""
    application = {"app_id": "exk1"} if provider == "okta" else {}
    with pytest.raises(AwsWrapperError) as raised:
        connect(network, FakeCluster(network).writer_endpoint, PLUGINS[provider], **{**GIVEN, **application, **other})
    assert network.attempts == []
    return str(raised.value)


@pytest.mark.parametrize(
    ("provider", "name"),
    [(provider, name) for provider in PLUGINS for name in ("idp_endpoint", "idp_username", "idp_password", "db_user")]
    + [("okta", "app_id"), ("okta", "iam_role_arn"), ("adfs", "iam_idp_arn")],
)
def test_what_is_missing_is_named(network: FakeNetwork, provider: str, name: str) -> None:
    assert f"Parameter {name} is needed to sign in" in refusal(network, provider, **{name: None}, user=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iam_role_arn", "arn:aws:iam::123456789012:saml-provider/adfs"),
        ("iam_role_arn", "admin"),
        ("iam_idp_arn", "arn:aws:iam::123456789012:role/admin"),
        ("iam_idp_arn", "arn:aws:iam::12345:saml-provider/adfs"),
    ],
)
def test_an_arn_of_something_else_is_refused(network: FakeNetwork, name: str, value: str) -> None:
    assert f"Parameter {name}: '{value}' is not accepted, give an ARN such as" in refusal(
        network, "okta", **{name: value}
    )


def test_a_region_is_needed_where_neither_host_nor_partition_tells_one() -> None:
    given = {**GIVEN, "host": "db.example.com", "iam_role_arn": "arn:aws-iso:iam::123456789012:role/database-user"}
    settings = Settings.from_arguments("", given, ())
    with pytest.raises(AwsWrapperError, match="Parameter iam_region is needed"):
        Grant.of(settings, "okta", "exk1")


@pytest.mark.parametrize(
    ("other", "region"),
    [
        ({}, "eu-west-1"),
        ({"iam_region": "eu-west-2"}, "eu-west-2"),
        ({"host": "db.example.com", "iam_host": "db.c1x2y3z4abcd.rds.cn-north-1.amazonaws.com.cn"}, "cn-north-1"),
        ({"host": "db.example.com"}, "us-east-1"),
        ({"host": "db.example.com", "iam_role_arn": "arn:aws-us-gov:iam::123456789012:role/x"}, "us-gov-west-1"),
    ],
)
def test_the_security_token_service_is_that_of_the_hosts_region(other: dict[str, str], region: str) -> None:
    given = {**GIVEN, "host": "db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com", **other}
    assert Grant.of(Settings.from_arguments("", given, ()), "okta", "exk1").region == region


@pytest.mark.parametrize("name", ["idp_password", "idp_username", "iam_role_arn", "db_user", "idp_port", "iam_host"])
def test_who_differs_in_anything_is_somebody_else(network: FakeNetwork, name: str) -> None:
    adapter = FakeAdapter(network, asynchronous=False)
    others = {
        "idp_port": 8443,
        "iam_role_arn": f"{GIVEN['iam_role_arn']}2",
        "iam_host": "db.other.eu-west-1.rds.amazonaws.com",
    }
    keys = [
        OktaPlugin.sign_in(Settings.from_arguments("", {**GIVEN, "app_id": "exk1", **other}, ()), adapter).key
        for other in ({}, {}, {name: others.get(name, "other")})
    ]
    assert keys[0] == keys[1] != keys[2]
    assert GIVEN["idp_password"] not in "".join(keys)


def test_another_provider_than_ad_fs_is_refused(network: FakeNetwork) -> None:
    assert "Parameter idp_name: 'ping' is not accepted" in refusal(network, "adfs", idp_name="ping")


@pytest.mark.parametrize("provider", PLUGINS)
def test_a_missing_library_is_told_with_the_extra_to_install(
    network: FakeNetwork, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "requests" else name)
    message = refusal(network, provider)
    assert message.endswith(
        f"The plugin {PLUGINS[provider]} needs requests: pip install 'aws-advanced-python-driver[federated]'"
    )


def test_both_at_once_are_refused(network: FakeNetwork) -> None:
    host = FakeCluster(network).writer_endpoint
    with pytest.raises(AwsWrapperError, match="keep one of them"):
        connect(network, host, "okta,federated_auth", **GIVEN, app_id="exk1")
