from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import secrecy

TESTS = """
import logging
import support.secrecy

support.secrecy.keep_secret("open sesame")

def test_innocent():
    logging.getLogger("any").debug("closed sesame")

def test_logged():
    logging.getLogger("any").debug("open sesame")

def test_printed():
    print("X-Amz-Signature=0123456789abcdef")

def test_raised():
    raise ValueError("open sesame")
"""


def test_a_test_that_reveals_a_secret_has_failed(tmp_path: Path) -> None:
    (tmp_path / "test_any.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "support.secrecy", "-o", "log_level=DEBUG", "-rA", "test_any.py"]
    path = os.pathsep.join([str(Path(secrecy.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])

    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "3 failed, 1 passed" in done.stdout
    assert "open sesame" not in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "db.example.com:5432/?Action=connect&DBUser=jane&X-Amz-Signature=0a1b",
        "GET /app/amazon_aws/exk1/sso/saml?onetimetoken=20111s",
        "{'SecretString': '{\"username\"...",
        '<input type="hidden" name="SAMLResponse" value="PHNhbWxwOlJlc3BvbnNlIHhtbG5zOnNhbWxwPSJ1cm4"/>',
        "PHNhbWxwOlJlc3BvbnNlIHhtbG5zOnNhbWxwPSJ1cm46b2FzaXM6bmFtZXM6dGM6U0FNTDoyLjA6",
    ],
    ids=["token", "link", "secret", "form", "assertion"],
)
def test_secrets_are_known_by_their_looks(text: str) -> None:
    assert secrecy.revealed(text) is not None


def test_all_that_an_error_tells_is_looked_at() -> None:
    try:
        try:
            raise ValueError("the inner word")
        except ValueError as error:
            raise KeyError("the outer one") from error
    except KeyError as error:
        told = secrecy.shown(error)

    assert "the inner word" in told
    assert "the outer one" in told
