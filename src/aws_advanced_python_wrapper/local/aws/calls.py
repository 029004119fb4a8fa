"""One request to an API of AWS: what is asked for, and how it is refused in the words of the service."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from aws_advanced_python_wrapper.local.aws.keys import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMESPACES = {
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "rds": "http://rds.amazonaws.com/doc/2014-10-31/",
}


@dataclass(frozen=True, slots=True)
class Credential:
    """What a signed request says of its signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, read once; `form` is empty where the service speaks JSON."""

    service: str
    operation: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    credential: Credential | None = None

    @property
    def name(self) -> str:
        """The operation as policies name it, such as "secretsmanager:GetSecretValue"."""
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error; services that speak JSON have other codes for it than those that speak XML."""

    code: str
    message: str
    status: int = 400
    json_code: str | None = None
    json_status: int | None = None

    def answer(self, call: Call) -> tuple[int, str, bytes]:
        """Return status, content type and body."""
        if call.form:
            return self.status, "text/xml", self._xml(call)
        body = {"__type": self.json_code or self.code, "message": self.message}
        return self.json_status or 400, "application/x-amz-json-1.1", json.dumps(body).encode()

    def _xml(self, call: Call) -> bytes:
        return (
            f'<ErrorResponse xmlns="{_NAMESPACES.get(call.service, "")}"><Error><Type>Sender</Type>'
            f"<Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message></Error>"
            f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        ).encode()


THROTTLED = Refusal("Throttling", "Rate exceeded", json_code="ThrottlingException")
UNAVAILABLE = Refusal("ServiceUnavailable", "Service Unavailable", 503, json_status=503)


def read(environ: Mapping[str, Any]) -> Call:
    """Return the call that a WSGI request makes; its body is read with that."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    query = environ.get("QUERY_STRING", "")
    headers = _headers(environ)
    credential = _credential(headers.get("authorization", ""))
    service, _, operation = headers.get("x-amz-target", "").partition(".")
    form: dict[str, str] = {}
    if not operation:
        values = parse_qs(f"{query}&{body.decode(errors='replace')}", keep_blank_values=True)
        form = {name: value[0] for name, value in values.items()}
        operation = form.get("Action", "")
        service = credential.service if credential else "sts"  # the only one that takes unsigned requests
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
    return Call(service, operation, method, path, query, headers, body, form, credential)


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    own = {name.lower(): environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    given = {**own, **{name[5:].lower(): value for name, value in environ.items() if name.startswith("HTTP_")}}
    return {name.replace("_", "-"): value for name, value in given.items()}


def _credential(authorization: str) -> Credential | None:
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = parts.get("Credential", "").split("/")
    if scheme != ALGORITHM or len(scope) != 5:  # key, date, region, service, "aws4_request"
        return None
    key, date, region, service, _end = scope
    signed = tuple(parts.get("SignedHeaders", "").split(";"))
    return Credential(key, date, region, service, signed, parts.get("Signature", ""))
