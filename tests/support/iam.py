"""IAM tokens signed by botocore, also such as its own function for them would never make."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import botocore.auth
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.local.aws.keys import AccessKey


def signed_token(
    key: AccessKey,
    host: str,
    *,
    port: int,
    user: str,
    region: str,
    service: str = "rds-db",
    action: str = "connect",
    expires: int = 900,
    signed_at: float | None = None,
) -> str:
    """Return a token; `signed_at` is Unix time, now unless given."""
    request = AWSRequest("GET", f"https://{host}:{port}/", data={"Action": action, "DBUser": user})
    at = datetime.fromtimestamp(time.time() if signed_at is None else signed_at, timezone.utc)
    credentials = Credentials(key.access_key_id, key.secret_key, key.session_token)
    with _quietly():
        _AtTime(at, credentials, service, region, expires=expires).add_auth(request)
    return str(request.url).removeprefix("https://")


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what is signed here out of the log: tests look there for secrets that the driver lets out."""
    log = logging.getLogger(botocore.auth.__name__)
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


class _AtTime(SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
    def __init__(self, at: datetime, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._at = at

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = self._at.strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)
