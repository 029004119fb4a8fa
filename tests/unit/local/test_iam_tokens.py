"""IAM tokens, signed by botocore and by hand, are checked as RDS checks them."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner, generate_db_auth_token

from aws_advanced_python_wrapper.local.aws.keys import AccessKey, KeyRing, random_access_key_id, random_secret_key
from aws_advanced_python_wrapper.local.aws.tokens import Access, refusal
from support.iam import signed_token

INSTANCE = "demo-instance-1.c1x2y3z4abcd.us-east-2.rds.amazonaws.com"
WRITER = "demo.cluster-c1x2y3z4abcd.us-east-2.rds.amazonaws.com"
ACCESS = Access({INSTANCE, WRITER}, 5432, "jane", "us-east-2")
KEY = AccessKey(random_access_key_id(), random_secret_key())
NOW = time.time()


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing(KEY)


def token(key: AccessKey = KEY, host: str = WRITER, signed_at: float = NOW, **changes: Any) -> str:
    given = {"port": ACCESS.port, "user": ACCESS.user, "region": ACCESS.region, **changes}
    return signed_token(key, host, signed_at=signed_at, **given)


def _botocores_own(host: str, user: str, port: int) -> str:
    credentials = Credentials(KEY.access_key_id, KEY.secret_key)
    events = HierarchicalEmitter()
    signer = RequestSigner(ServiceId("RDS"), ACCESS.region, "rds-db", "v4", credentials, events)
    return str(generate_db_auth_token(SimpleNamespace(_request_signer=signer), host, port, user, ACCESS.region))


@pytest.mark.parametrize("user", ["jane", "jane doe", "jäne+/=&?", "a-b_c.d~e"])
@pytest.mark.parametrize("port", [5432, 443, 3306])
def test_a_token_of_botocores_is_valid_at_each_name_of_the_instance(keys: KeyRing, user: str, port: int) -> None:
    for host in (INSTANCE, WRITER, WRITER.upper()):
        access = replace(ACCESS, user=user, port=port)
        assert refusal(_botocores_own(host, user, port), access, keys, time.time()) is None
        assert refusal(token(host=host, user=user, port=port), access, keys, NOW) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"host": "demo-instance-2.c1x2y3z4abcd.us-east-2.rds.amazonaws.com"}, "it is for another host"),
        ({"host": "127.0.0.1"}, "it is for another host"),
        ({"port": 5433}, "it is for another port, '5433'"),
        ({"user": "Jane"}, "it is for another user, 'Jane'"),
        ({"region": "us-east-1"}, "it is for '.*/us-east-1/rds-db/aws4_request', not '.*/us-east-2/.*'"),
        ({"service": "rds"}, "it is for '.*/us-east-2/rds/aws4_request', not '.*/rds-db/.*'"),
        ({"action": "describe"}, "it is no request to connect"),
        ({"expires": 901}, "it is to live for 901 s"),
        ({"expires": 0}, "it is to live for 0 s"),
        ({"expires": 60, "signed_at": NOW - 61}, "it expired [12] s ago"),
        ({"signed_at": NOW - 901}, "it expired [12] s ago"),
        ({"signed_at": NOW + 310}, "it is signed (309|310) s ahead of time"),
        ({"key": replace(KEY, access_key_id="AKIANOBODYHASTHISONE")}, "with a key that is not known, 'AKIANOBODY"),
        ({"key": replace(KEY, secret_key="wrong")}, "its signature is wrong"),
        ({"key": replace(KEY, session_token="surplus")}, "its session token is not that of its key"),
    ],
)
def test_a_token_is_for_one_purpose_and_time(keys: KeyRing, changes: dict[str, Any], reason: str) -> None:
    said = refusal(token(**changes), ACCESS, keys, NOW)
    assert said is not None
    assert re.search(reason, said)


@pytest.mark.parametrize("signed_at", [NOW - 898, NOW + 299])
def test_a_clock_may_be_a_little_wrong(keys: KeyRing, signed_at: float) -> None:
    assert refusal(token(signed_at=signed_at), ACCESS, keys, NOW) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r".*", ""),
        (r".*", "a password"),
        (r"\?.*", ""),
        (r"DBUser=jane", "DBUser=jane&DBUser=john"),
        (r"(?<=X-Amz-Expires)=900", "=soon"),
        (r"(?<=X-Amz-Date=\d{8})T\w+", "T"),
        (r"&X-Amz-Signature=\w+", ""),
        (r"$", "&"),
    ],
)
def test_what_has_not_the_form_of_a_token_is_none(keys: KeyRing, old: str, new: str) -> None:
    assert refusal(re.sub(old, new, token(), count=1), ACCESS, keys, NOW) == "it has not the form of a token"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Expires=900", "Expires=899"),
        ("SignedHeaders=host&", "SignedHeaders=host&More=1&"),
        ("Signature=", "Signature=0"),
    ],
)
def test_whatever_is_changed_after_signing_spoils_the_signature(keys: KeyRing, old: str, new: str) -> None:
    text = token(signed_at=NOW - 5)
    assert old in text
    assert refusal(text.replace(old, new, 1), ACCESS, keys, NOW) == "its signature is wrong"


def test_a_reason_does_not_tell_the_signature(keys: KeyRing) -> None:
    text = token(user="john", key=replace(KEY, session_token="a secret"))
    said = refusal(text, ACCESS, keys, NOW)
    assert said is not None
    assert text[-20:] not in said
    assert "a secret" not in said


def test_temporary_keys_count_with_their_session_token_until_they_expire_or_are_revoked(keys: KeyRing) -> None:
    temporary = AccessKey("ASIA" + "X" * 16, "secret", session_token="t/" * 800 + "=", expires_at=NOW + 60)
    text = token(key=temporary)
    assert len(text) > 2000
    assert refusal(text, ACCESS, keys, NOW) is not None
    keys.add(temporary.access_key_id, temporary.secret_key, temporary.session_token, temporary.expires_at)
    assert refusal(text, ACCESS, keys, NOW) is None
    for other in (None, "another"):
        wrong = token(key=replace(temporary, session_token=other))
        assert refusal(wrong, ACCESS, keys, NOW) == "its session token is not that of its key"
    assert refusal(text, ACCESS, keys, NOW + 60) == "it is signed with a key that has expired"
    keys.revoke(temporary.access_key_id)
    keys.revoke(temporary.access_key_id)
    said = refusal(text, ACCESS, keys, NOW)
    assert said is not None
    assert "not known" in said


def test_keys_have_the_shapes_of_aws_and_do_not_show_their_secrets() -> None:
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", KEY.access_key_id)
    assert len(KEY.secret_key) == 40
    assert KEY.secret_key not in repr(KEY)
    assert random_secret_key() != random_secret_key()
