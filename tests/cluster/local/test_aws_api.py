"""AWS beside a local cluster: what botocore, and the databases, find of it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError
from cluster.local.calling_aws import ROLE, client, identity, read_secret, refusal, session_key
from cluster.local.plainly import rows
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.drivers import Driver

PROVIDER = "arn:aws:iam::123456789012:saml-provider/adfs"


@pytest.fixture(autouse=True)
def _botocore_logs_no_signatures(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "botocore")


@pytest.fixture
def cluster(iam_cluster: LocalCluster) -> LocalCluster:
    return iam_cluster


def test_calls_are_counted_by_service_and_operation(cluster: LocalCluster) -> None:
    read_secret(cluster)
    read_secret(cluster)
    identity(cluster)
    assert cluster.aws.calls() == {"secretsmanager:GetSecretValue": 2, "sts:GetCallerIdentity": 1}
    cluster.aws.reset_calls()
    assert cluster.aws.calls() == {}


def test_what_the_cluster_does_itself_is_not_counted(cluster: LocalCluster) -> None:
    cluster.aws.put_secret("other", {"a": 1})
    assert cluster.aws.secret("other") == {"a": 1}
    assert cluster.aws.calls() == {}


def test_each_service_throttles_in_its_own_words(cluster: LocalCluster) -> None:
    cluster.aws.throttle()
    assert refusal(lambda: read_secret(cluster)) == ("ThrottlingException", 400)
    assert refusal(lambda: identity(cluster)) == ("Throttling", 400)
    cluster.aws.restore()
    identity(cluster)


def test_calls_that_are_throttled_for_a_while_succeed_when_tried_again(cluster: LocalCluster) -> None:
    cluster.aws.throttle(calls=2)
    assert read_secret(cluster, attempts=3)["username"] == cluster.user
    assert cluster.aws.calls() == {"secretsmanager:GetSecretValue": 3}


def test_an_operation_can_be_denied(cluster: LocalCluster) -> None:
    cluster.aws.deny("secretsmanager:GetSecretValue")
    assert refusal(lambda: read_secret(cluster)) == ("AccessDeniedException", 400)
    identity(cluster)


def test_down_is_refused_connections_until_it_is_restored(cluster: LocalCluster) -> None:
    cluster.aws.take_down()
    with pytest.raises(EndpointConnectionError):
        identity(cluster)
    cluster.restore()
    identity(cluster)


def test_an_address_that_was_taken_meanwhile_is_told(cluster: LocalCluster) -> None:
    address = urlsplit(cluster.aws.endpoint)
    cluster.aws.take_down()
    with socket.create_server((str(address.hostname), address.port or 0)):
        with pytest.raises(LocalClusterError, match=f"another process has taken {address.netloc}"):
            cluster.aws.restore()
    cluster.aws.restore()
    identity(cluster)


def test_down_can_be_an_answer_too(cluster: LocalCluster) -> None:
    cluster.aws.take_down(answering=True)
    assert refusal(lambda: read_secret(cluster))[1] == 503
    assert refusal(lambda: identity(cluster))[1] == 503


def test_slow_answers_come_after_the_time_is_up(cluster: LocalCluster) -> None:
    cluster.aws.slow(60)
    hasty = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    with pytest.raises(ReadTimeoutError):
        read_secret(cluster, config=hasty)


def test_a_call_that_is_held_up_goes_on_when_order_is_restored(cluster: LocalCluster) -> None:
    cluster.aws.slow(60)
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(identity(cluster)))
    waiting.start()
    eventually(lambda: cluster.aws.calls() == {"sts:GetCallerIdentity": 1})
    assert not answers
    cluster.aws.restore()
    waiting.join(20)
    assert answers


@pytest.mark.parametrize(
    ("wrong", "of_secrets", "of_sts"),
    [
        (
            {"aws_access_key_id": "AKIANOBODYNOBODYNOBO"},
            ("UnrecognizedClientException", 400),
            ("InvalidClientTokenId", 403),
        ),
        (
            {"aws_session_token": "something"},
            ("UnrecognizedClientException", 400),
            ("InvalidClientTokenId", 403),
        ),
        (
            {"aws_secret_access_key": "wrong"},
            ("InvalidSignatureException", 400),
            ("SignatureDoesNotMatch", 403),
        ),
    ],
    ids=["unknown key", "session token of another", "wrong secret key"],
)
def test_calls_must_be_signed_with_a_key_that_counts(
    cluster: LocalCluster, wrong: dict[str, str], of_secrets: tuple[str, int], of_sts: tuple[str, int]
) -> None:
    assert refusal(lambda: read_secret(cluster, **wrong)) == of_secrets
    assert refusal(lambda: identity(cluster, **wrong)) == of_sts


def test_the_keys_of_a_session_count_until_it_ends(cluster: LocalCluster) -> None:
    key = session_key(cluster)
    assert read_secret(cluster, **key)["username"] == cluster.user
    cluster.aws.set_session_duration(0)
    ended = session_key(cluster)
    assert refusal(lambda: read_secret(cluster, **ended)) == ("ExpiredTokenException", 400)
    assert refusal(lambda: identity(cluster, **ended)) == ("ExpiredToken", 403)
    assert read_secret(cluster, **key)["username"] == cluster.user


def test_a_session_lasts_as_long_as_is_asked_for_or_as_the_test_says(cluster: LocalCluster) -> None:
    def lasts(**asked: int) -> timedelta:
        issued = client(cluster, "sts").assume_role(RoleArn=ROLE, RoleSessionName="test", **asked)
        left: timedelta = issued["Credentials"]["Expiration"] - datetime.now(timezone.utc)
        return left

    assert timedelta(minutes=14) < lasts(DurationSeconds=900) <= timedelta(minutes=15)
    assert timedelta(minutes=59) < lasts() <= timedelta(hours=1)
    cluster.aws.set_session_duration(30)
    assert timedelta(seconds=10) < lasts() <= timedelta(seconds=30)


def test_a_revoked_key_counts_no_more_until_order_is_restored(cluster: LocalCluster) -> None:
    key = session_key(cluster)
    cluster.aws.revoke(key["aws_access_key_id"])
    assert refusal(lambda: identity(cluster, **key))[0] == "InvalidClientTokenId"
    cluster.aws.revoke(cluster.aws.access_key_id)
    assert refusal(lambda: identity(cluster))[0] == "InvalidClientTokenId"
    cluster.restore()
    identity(cluster)


def test_tokens_signed_with_the_keys_of_a_session_open_the_database(driver: Driver, cluster: LocalCluster) -> None:
    def who_is_let_in(key: dict[str, Any]) -> Any:
        address = {"DBHostname": cluster.writer_endpoint, "Port": cluster.port, "DBUsername": cluster.iam_user}
        token = client(cluster, "rds", **key).generate_db_auth_token(**address)
        return rows(driver, cluster, "SELECT current_user", user=cluster.iam_user, password=token, sslmode="require")

    key = session_key(cluster)
    assert who_is_let_in(key) == [(cluster.iam_user,)]
    cluster.aws.revoke(key["aws_access_key_id"])
    with pytest.raises(driver.module.OperationalError, match="PAM authentication failed"):
        who_is_let_in(key)
    cluster.aws.set_session_duration(0)
    with pytest.raises(driver.module.OperationalError, match="PAM authentication failed"):
        who_is_let_in(session_key(cluster))
    assert [event.detail for event in cluster.history() if event.what == "token refused"][-2:] == [
        f"it is signed with a key that is not known, {key['aws_access_key_id']!r}",
        "it is signed with a key that has expired",
    ]


def test_nobody_assumes_a_role_with_an_assertion_that_no_provider_has_issued(cluster: LocalCluster) -> None:
    sts = client(cluster, "sts", config=Config(signature_version=UNSIGNED))
    asked = {"RoleArn": ROLE, "PrincipalArn": PROVIDER, "SAMLAssertion": "PHNhbWw+"}
    assert refusal(lambda: sts.assume_role_with_saml(**asked)) == ("InvalidIdentityToken", 400)


def test_mistakes_are_explained(cluster: LocalCluster) -> None:
    cluster.aws.rotate_secret(pause_after="setSecret")
    with pytest.raises(LocalClusterError, match="the steps left are testSecret, finishSecret"):
        cluster.aws.rotate_secret(pause_after="createSecret")
    with pytest.raises(LocalClusterError, match="AWS has no control 'explode'"):
        cluster._call("aws", control="explode", arguments={})


def test_the_keys_are_in_no_repr(cluster: LocalCluster) -> None:
    shown = f"{cluster!r} {cluster.aws!r} {cluster.settings!r}"
    assert cluster.aws.access_key_id in shown
    assert cluster.aws.secret_access_key not in shown


def test_many_calls_at_a_time_are_all_answered_and_counted(cluster: LocalCluster) -> None:
    secrets = client(cluster, "secretsmanager", config=Config(max_pool_connections=10))
    with ThreadPoolExecutor(10) as threads:
        asked = [threads.submit(secrets.get_secret_value, SecretId=cluster.aws.secret_id) for _ in range(100)]
        assert all(one.result()["Name"] == cluster.aws.secret_id for one in asked)
    assert cluster.aws.calls() == {"secretsmanager:GetSecretValue": 100}


def test_what_the_user_has_for_the_real_aws_is_of_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "config"
    broken.write_text("no configuration")
    own = {
        "AWS_PROFILE": "nobodys",
        "AWS_CONFIG_FILE": str(broken),
        "AWS_SECRET_ACCESS_KEY": "",
        "HTTP_PROXY": "http://x",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    with LocalCluster(instances=1, name="unmoved", iam=True) as cluster:
        monkeypatch.undo()
        assert read_secret(cluster)["username"] == cluster.user


def test_aws_ends_with_the_cluster() -> None:
    with LocalCluster(instances=1, name="ends", iam=True, resolution="none") as cluster:
        cluster.aws.slow(3600)
        address = urlsplit(cluster.aws.endpoint)
        caller = f"import urllib.request; urllib.request.urlopen({cluster.aws.endpoint!r})"
        waiting = subprocess.Popen([sys.executable, "-c", caller], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not cluster.aws.calls() and time.monotonic() < end:
            time.sleep(0.01)
    assert waiting.wait(20) != 0
    with closing(socket.socket()) as probe:
        assert probe.connect_ex((str(address.hostname), address.port or 0)) != 0


def test_a_cluster_without_iam_has_no_aws(healthy_aurora_postgresql: LocalCluster) -> None:
    with pytest.raises(LocalClusterError, match="start it with iam=True"):
        _ = healthy_aurora_postgresql.aws
    with pytest.raises(LocalClusterError, match="start it with iam=True"):
        healthy_aurora_postgresql._call("aws", control="calls", arguments={})
