"""Calls of AWS's APIs: their signatures, their refusals, and the keys they are answered with."""

from __future__ import annotations

import io
import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from aws_advanced_python_wrapper.local.aws import calls, signatures
from aws_advanced_python_wrapper.local.aws.calls import THROTTLED, Call, Refusal
from aws_advanced_python_wrapper.local.aws.keys import AccessKey, KeyRing, random_access_key_id, random_secret_key
from aws_advanced_python_wrapper.local.aws.rotation import Rotation
from aws_advanced_python_wrapper.local.aws.sessions import Sessions
from aws_advanced_python_wrapper.local.errors import LocalClusterError

KEY = AccessKey(random_access_key_id(), random_secret_key())
TEMPORARY = AccessKey("ASIA" + "B" * 16, random_secret_key(), "a token", time.time() + 3600)
TARGET = {"X-Amz-Target": "secretsmanager.GetSecretValue", "Content-Type": "application/x-amz-json-1.1"}


class At(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs as if the clock were so far ahead."""

    def __init__(self, ahead: timedelta, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ahead = ahead

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = (datetime.now(timezone.utc) + self.ahead).strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)


def environ(request: AWSRequest) -> dict[str, Any]:
    """Return a request as a WSGI server shows it."""
    prepared, url = request.prepare(), urlsplit(request.url)
    body = prepared.body or b""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in prepared.headers.items()}
    return {
        "HTTP_HOST": url.netloc,
        **{name: value.decode() if isinstance(value, bytes) else value for name, value in headers.items()},
        "CONTENT_TYPE": headers.get("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(body)),
        "REQUEST_METHOD": prepared.method,
        "PATH_INFO": url.path,
        "QUERY_STRING": url.query,
        "wsgi.input": io.BytesIO(body.encode() if isinstance(body, str) else body),
    }


def signed(
    key: AccessKey = KEY,
    body: bytes = b"{}",
    ahead: timedelta = timedelta(),
    url: str = "http://127.1.2.16:5432/",
    method: str = "POST",
) -> dict[str, Any]:
    request = AWSRequest(method, url, headers=TARGET, data=body)
    credentials = Credentials(key.access_key_id, key.secret_key, key.session_token)
    At(ahead, credentials, "secretsmanager", "us-east-2").add_auth(request)
    return environ(request)


def form(**values: str) -> Call:
    body = urlencode(values).encode()
    return calls.read({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": "POST"})


def refusal(given: dict[str, Any], *others: AccessKey) -> Refusal | None:
    keys = KeyRing(KEY)
    for key in others:
        keys.add(key.access_key_id, key.secret_key, key.session_token, key.expires_at)
    return signatures.check(calls.read(given), keys)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"body": json.dumps({"SecretId": "é & ü"}).encode()},
        {"ahead": timedelta(minutes=4)},
        {"ahead": timedelta(minutes=-4)},
        {"url": "http://127.1.2.16:5432/?z=1&a=%2Fx&a=y"},
        {"method": "GET", "body": b""},
    ],
    ids=str,
)
def test_what_botocore_signs_is_in_order(given: dict[str, Any]) -> None:
    assert refusal(signed(**given)) is None


def test_a_temporary_key_counts_with_its_token_until_it_expires() -> None:
    assert refusal(signed(TEMPORARY), TEMPORARY) is None
    ended = AccessKey(TEMPORARY.access_key_id, TEMPORARY.secret_key, TEMPORARY.session_token, time.time() - 1)
    assert json_code(refusal(signed(ended), ended)) == "ExpiredTokenException"
    tokenless = AccessKey(TEMPORARY.access_key_id, TEMPORARY.secret_key)
    assert json_code(refusal(signed(tokenless), TEMPORARY)) == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"wsgi.input": io.BytesIO(b"[]")}, "InvalidSignatureException"),
        ({"QUERY_STRING": "a=b"}, "InvalidSignatureException"),
        ({"HTTP_HOST": "elsewhere"}, "InvalidSignatureException"),
        ({"REQUEST_METHOD": "GET"}, "InvalidSignatureException"),
        ({"HTTP_AUTHORIZATION": ""}, "MissingAuthenticationTokenException"),
        ({"HTTP_AUTHORIZATION": "Basic QWxhZGRpbg=="}, "MissingAuthenticationTokenException"),
        ({"HTTP_X_AMZ_SECURITY_TOKEN": "x"}, "UnrecognizedClientException"),
    ],
    ids=str,
)
def test_what_is_changed_after_signing_is_refused(changed: dict[str, Any], code: str) -> None:
    assert json_code(refusal({**signed(), **changed})) == code


@pytest.mark.parametrize(
    ("minutes", "message"), [(-6, "Signature expired: .* - 5 min"), (6, "Signature not yet current: .* 5 min")]
)
def test_a_clock_that_is_wrong_is_told(minutes: int, message: str) -> None:
    found = refusal(signed(ahead=timedelta(minutes=minutes)))
    assert json_code(found) == "InvalidSignatureException"
    assert found is not None
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(found.message)


def json_code(found: Refusal | None) -> str:
    assert found is not None
    status, _, body = found.answer(calls.read(signed()))
    assert status == 400
    code: str = json.loads(body)["__type"]
    return code


def test_services_are_refused_in_their_own_format() -> None:
    status, content_type, body = THROTTLED.answer(form(Action="GetCallerIdentity"))
    error = ET.fromstring(body).find("{*}Error")  # noqa: S314  # our own
    assert error is not None
    assert [part.text for part in error] == ["Sender", "Throttling", "Rate exceeded"]
    assert (status, content_type) == (400, "text/xml")


ISSUED = (
    b"<R><AccessKeyId>A</AccessKeyId><SecretAccessKey>B</SecretAccessKey>"
    b"<SessionToken>C</SessionToken><Expiration>D</Expiration></R>"
)


def test_the_keys_that_sts_issues_count() -> None:
    keys = KeyRing(KEY)
    answer = Sessions(keys, None).issue(form(Action="AssumeRole", DurationSeconds="900"), ISSUED)
    values = {part.tag: part.text or "" for part in ET.fromstring(answer)}  # noqa: S314  # our own
    key = keys.find(values["AccessKeyId"])
    assert key is not None
    assert key.access_key_id.startswith("ASIA")
    assert (key.secret_key, key.session_token) == (values["SecretAccessKey"], values["SessionToken"])
    assert 890 < key.expires_at - time.time() <= 900
    told = datetime.fromisoformat(values["Expiration"].replace("Z", "+00:00")).timestamp()
    assert told == pytest.approx(key.expires_at, abs=0.01)


def test_an_answer_without_keys_stays_as_it_is() -> None:
    sessions = Sessions(KeyRing(KEY), None)
    assert sessions.issue(form(Action="GetCallerIdentity"), b"<Arn>x</Arn>") == b"<Arn>x</Arn>"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (None, None),
        ("it has expired", "ExpiredTokenException"),
        ("it is for another role", "AccessDenied"),
        ("it is another provider's", "AccessDenied"),
        ("nobody here has issued it", "InvalidIdentityToken"),
    ],
)
def test_an_assertion_is_checked_with_role_and_provider(reason: str | None, code: str | None) -> None:
    asked: list[tuple[str, str, str]] = []

    def check(*given: str) -> str | None:
        asked.append((given[0], given[1], given[2]))
        return reason

    call = form(Action="AssumeRoleWithSAML", SAMLAssertion="a+b/c==", RoleArn="role", PrincipalArn="provider")
    found = Sessions(KeyRing(KEY), check).refusal(call)
    assert (found and found.code) == code
    assert asked == [("a+b/c==", "role", "provider")]


def test_only_a_saml_assertion_takes_the_place_of_a_signature() -> None:
    assert signatures.check(form(Action="AssumeRoleWithSAML"), KeyRing(KEY)) is None
    assert signatures.check(form(Action="AssumeRole"), KeyRing(KEY)) is not None


class Store:
    """Secrets without a service."""

    def __init__(self) -> None:
        self.current: dict[str, Any] = {"username": "tom", "password": "old"}
        self.pending: dict[str, Any] = {}

    def value(self, _name: str) -> dict[str, Any]:
        return self.current

    def put_pending(self, _name: str, value: dict[str, Any]) -> str:
        self.pending = value
        return "version"

    def make_current(self, _name: str, version: str) -> None:
        assert version == "version"
        self.current = self.pending


class Database:
    """A database that is down at first."""

    def __init__(self) -> None:
        self.password = ""
        self.down = True

    def set_password(self, user: str, password: str) -> None:
        if self.down:
            raise ConnectionError
        assert user == "tom"
        self.password = password

    def log_in(self, _user: str, password: str) -> None:
        assert password == self.password


def test_a_step_of_a_rotation_that_fails_is_done_again() -> None:
    store, database = Store(), Database()
    rotation = Rotation("toms", store, database)  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        rotation.advance("finishSecret")
    database.down = False
    rotation.advance("finishSecret")
    assert rotation.finished
    assert store.current["password"] == database.password != "old"
    with pytest.raises(LocalClusterError, match="pause_after"):
        rotation.advance("setSecret")
