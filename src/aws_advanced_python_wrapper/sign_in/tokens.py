"""IAM tokens: signed in this process with AWS credentials, for one user at one endpoint. No request is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.awsrequest import prepare_request_dict
from botocore.credentials import Credentials
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.sign_in.endpoints import LONGEST, VALID_FOR, Token
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from aws_advanced_python_wrapper.sign_in.renewed import Fresh

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials
    from aws_advanced_python_wrapper.sign_in.endpoints import TokenPurpose

_SCHEME = "https://"


def sign(credentials: AwsCredentials, purpose: TokenPurpose) -> str:
    """Return the token that `generate_db_auth_token` of an RDS client returns; it is valid for 15 minutes."""
    signing = Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    emitter = HierarchicalEmitter()  # the signer refers to it weakly
    signer = RequestSigner(ServiceId("RDS"), purpose.region, "rds-db", "v4", signing, emitter)
    request: dict[str, Any] = {
        "url_path": "/",
        "query_string": "",
        "headers": {},
        "body": {"Action": "connect", "DBUser": purpose.user},
        "method": "GET",
    }
    prepare_request_dict(request, f"{_SCHEME}{purpose.host}:{purpose.port}")
    url: str = signer.generate_presigned_url(request, "connect", VALID_FOR, purpose.region, "rds-db")
    return url.removeprefix(_SCHEME)


def obtain_token(
    purpose: TokenPurpose, credentials: Callable[[], AwsCredentials], expiration: float = LONGEST
) -> Fresh[Token]:
    """Sign a token with the credentials of the moment, to be used for `expiration` seconds, and until they expire.

    Raises `SignInError`.
    """
    with quiet():
        signing = credentials()
        lasts_for = min(expiration, LONGEST, signing.expire_in)
        if lasts_for <= 0:
            raise SignInError(f"{purpose} cannot be signed: the AWS credentials have expired. Check the clock.")
        return Fresh.expiring(Token(sign(signing, purpose), signing.age.is_recent), lasts_for)
