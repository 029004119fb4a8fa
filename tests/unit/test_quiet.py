from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from aws_advanced_python_wrapper.sign_in.quiet import quiet
from support.secrecy import revealed

if TYPE_CHECKING:
    from support.aws_api import Aws

PROGRAM = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
from aws_advanced_python_wrapper import AwsWrapperError
from aws_advanced_python_wrapper.testing import FakeCluster, FakeNetwork, connect

network = FakeNetwork()
cluster = FakeCluster(network)
secret = {"secrets_manager_secret_id": sys.argv[1]}
connect(network, cluster.writer_endpoint, "aws_secrets_manager,failover", **secret)
connect(network, cluster.writer_endpoint, "iam,failover", aws_profile="role")
try:
    connect(network, cluster.writer_endpoint, "aws_secrets_manager", **secret, secrets_manager_region="eu-west-1")
except AwsWrapperError:
    logging.exception("as a program would log it")
print([opened.arguments["user"] for opened in network.opened])
import botocore.session
client = botocore.session.Session().create_client("secretsmanager", region_name="us-east-2")
client.get_secret_value(SecretId=sys.argv[1])
"""


def test_a_new_process_logs_no_secret_at_debug_and_the_programs_own_calls_as_ever(aws: Aws) -> None:
    aws.write_profiles(
        base={"aws_access_key_id": aws.key.access_key_id, "aws_secret_access_key": aws.key.secret_key},
        role={"role_arn": "arn:aws:iam::123456789012:role/app", "source_profile": "base", "region": "us-east-2"},
    )
    name = aws.put_secret({"username": "bob", "password": "correct-horse"})
    command = [sys.executable, "-W", "error", "-c", PROGRAM, name]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, "it failed, and its output may be secret"
    before, _, after = done.stdout.partition("'bob'")
    said = before + done.stderr
    assert aws.gate.calls() == {"secretsmanager:GetSecretValue": 3, "sts:AssumeRole": 1}
    assert "as a program would log it" in said
    assert "correct-horse" not in said
    assert aws.key.secret_key not in said
    assert revealed(said) is None
    assert [line for line in said.splitlines() if line.startswith(("botocore", "urllib3", "boto3"))] == []
    assert "botocore" in after, "what the program does itself is logged"


@pytest.mark.parametrize(
    ("logger", "level", "is_logged"),
    [
        ("botocore.auth", logging.DEBUG, False),
        ("botocore.credentials", logging.INFO, False),
        ("botocore.credentials", logging.WARNING, False),  # they are tracebacks
        ("botocore.credentials", logging.ERROR, True),
        ("urllib3.connectionpool", logging.WARNING, False),  # it tells URLs
        ("requests", logging.ERROR, False),
        ("app.botocore", logging.DEBUG, True),
    ],
)
def test_what_is_kept_quiet(caplog: pytest.LogCaptureFixture, logger: str, level: int, is_logged: bool) -> None:
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger(logger)
    with quiet(), quiet():
        log.log(level, "inside")
    log.log(level, "outside")
    assert ("inside" in caplog.messages) is is_logged
    assert "outside" in caplog.messages


def test_other_threads_are_not_kept_quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("botocore.auth")
    with quiet():
        thread = threading.Thread(target=log.debug, args=("of another thread",))
        thread.start()
        thread.join()
    assert caplog.messages == ["of another thread"]
