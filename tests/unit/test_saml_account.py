from __future__ import annotations

import pytest

from aws_advanced_python_wrapper import AwsWrapperError
from aws_advanced_python_wrapper.properties import Settings
from aws_advanced_python_wrapper.sign_in.saml.account import Account

GIVEN = {"idp_endpoint": "adfs.example.com", "idp_username": "jane", "idp_password": "secret"}


def account(**given: object) -> Account:
    return Account.of(Settings.from_arguments("", {**GIVEN, **given}, ()))


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("adfs.example.com", "adfs.example.com"),
        ("ADFS.Example.com", "adfs.example.com"),
        ("https://adfs.example.com/", "adfs.example.com"),
        (" https://adfs.example.com:443 ", "adfs.example.com"),
        ("adfs.example.com:8443", "adfs.example.com:8443"),
        ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
    ],
)
def test_an_endpoint_may_be_written_as_in_the_address_line_of_a_browser(endpoint: str, address: str) -> None:
    found = account(idp_endpoint=endpoint)
    assert found.address == address
    assert found.origin == f"https://{address}"


def test_the_port_is_taken_from_its_own_parameter() -> None:
    assert account(idp_port=8443).address == "adfs.example.com:8443"
    assert account(idp_endpoint="adfs.example.com:8443", idp_port=8443).address == "adfs.example.com:8443"


def test_two_ports_are_refused() -> None:
    with pytest.raises(AwsWrapperError, match="idp_port: 9443 contradicts idp_endpoint='adfs"):
        account(idp_endpoint="adfs.example.com:8443", idp_port=9443)


@pytest.mark.parametrize(
    "endpoint",
    [
        *("http://adfs.example.com", "adfs.example.com/adfs/ls", "https://", "adfs.example.com:port", "a?b=c"),
        *("ldap://adfs", "https://[::1", "two words", "a..b", "ädfs\n.com"),
    ],
)
def test_other_endpoints_are_refused_with_what_to_give(endpoint: str) -> None:
    with pytest.raises(
        AwsWrapperError, match=r"Parameter idp_endpoint: .* give the host name of the identity provider"
    ):
        account(idp_endpoint=endpoint)


def test_a_password_in_the_endpoint_is_not_shown() -> None:
    with pytest.raises(AwsWrapperError) as refusal:
        account(idp_endpoint="https://jane:secret@adfs.example.com")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(AwsWrapperError, match=f"Parameter {name} is needed to sign in"):
        account(**{name: None})


def test_user_and_password_stand_in_where_the_database_user_is_given() -> None:
    given = {"idp_username": None, "idp_password": None, "user": "joe", "password": "s3cret", "db_user": "app"}
    found = account(**given)
    assert (found.username, found.password) == ("joe", "s3cret")
    found = account(**{**given, "idp_username": "jane"})
    assert (found.username, found.password) == ("jane", "s3cret")


def test_user_and_password_are_the_databases_where_no_database_user_is_given() -> None:
    with pytest.raises(AwsWrapperError, match="Parameter idp_username is needed"):
        account(idp_username=None, user="joe")
    with pytest.raises(AwsWrapperError, match="Parameter idp_password is needed"):
        account(idp_password=None, password="s3cret")


def test_a_certificate_that_is_not_checked_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        account(idp_endpoint="unsafe.example.com", ssl_secure=False)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "ssl_secure is false: the certificate of unsafe.example.com is not checked" in record.getMessage()


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(account())
