"""What the errors of AWS's library mean for people. None of its texts is passed on that could contain a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Some services end the names of their errors in "Exception", others do not; here none has that ending.
_DENIED = frozenset({"AccessDenied", "UnauthorizedOperation"})
_THROTTLED = frozenset({"Throttling", "Throttled", "TooManyRequests", "RequestLimitExceeded"})
_EXPIRED = frozenset({"ExpiredToken", "RequestExpired"})
_UNKNOWN_KEY = frozenset(
    {
        *("UnrecognizedClient", "InvalidClientTokenId", "InvalidAccessKeyId", "InvalidSignature"),
        *("SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken", "AuthFailure"),
    }
)

# What botocore calls sign-ins of its own: IAM Identity Center, `aws login`.
_LOGINS = ("SSOError", "TokenRetrievalError", "LoginError", "NoAuthTokenError")
_UNREACHABLE = (exceptions.HTTPClientError, exceptions.ConnectionError)
_TELLING = ("ConfigNotFound", "ConfigParseError", "InvalidConfigError", "PartialCredentialsError", "UnknownRegionError")

NO_CREDENTIALS = (
    "no AWS credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, sign in with AWS's tools, give "
    "the machine or container a role, or give aws_profile or a handler (AwsCredentialsManager.set_custom_handler)"
)


_SOMETHING = "what was asked for"
"""In place of a permission where AWS's library itself decides what it calls."""


def call_aws(
    function: Callable[[], T], what: str = "", *, permission: str = _SOMETHING, profile: str | None = None
) -> T:
    """Return what a function of AWS's library returns; what it raises becomes a `SignInError`, which names what to do.

    The error begins with `what`, unless that is empty. `permission` is the action that AWS has to allow, such as
    `secretsmanager:GetSecretValue`; `profile` the one whose credentials are looked up, where there is one. The error of
    the library is no cause of ours, as its text may tell a secret.
    """
    try:
        return function()
    except (BotoCoreError, ClientError) as error:
        reason = reason_of(error, permission, profile)
    except RuntimeError:  # botocore has renewed credentials, and they were old
        reason = "the AWS credentials have expired, and those that were to replace them too. Check the clock"
    except (OSError, ValueError) as error:  # configuration that cannot be read, a credential process that fails
        reason = f"AWS's library has failed ({type(error).__name__})"
    raise SignInError(f"{what}: {reason}." if what else f"{reason}.")


def reason_of(error: BaseException, permission: str = _SOMETHING, profile: str | None = None) -> str:
    """Return what an error of botocore's means and what to do, without full stop.

    `profile` is the one whose credentials were looked up, where there is one.
    """
    if isinstance(error, ClientError):
        return _of_answer(error, permission)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    details: dict[str, Any] = getattr(error, "kwargs", {})
    if "NoCredentialsError" in kinds:
        return NO_CREDENTIALS
    if "ProfileNotFound" in kinds:
        return f"there is no profile {details.get('profile')!r} in AWS's configuration files: correct aws_profile"
    if kinds.intersection(_LOGINS):
        whose = f" --profile {profile}" if profile else ""
        return (
            f"the sign-in of AWS's tools has expired: sign in again with 'aws sso login{whose}' or 'aws login{whose}'"
        )
    if kinds & {"CredentialRetrievalError", "MetadataRetrievalError"}:
        return f"AWS credentials could not be had from {details.get('provider', 'the metadata service')}"
    if "SSLError" in kinds:
        return (
            f"the certificate of {_endpoint(details)} is not trusted, or TLS has failed: set AWS_CA_BUNDLE where the "
            "certificates are your own"
        )
    if isinstance(error, _UNREACHABLE):
        return f"{_endpoint(details)} cannot be reached ({type(error).__name__}): check the region, network and proxy"
    if kinds.intersection(_TELLING):
        return first_line(error).rstrip(".")
    return f"AWS's library has failed ({type(error).__name__})"


def code_of(error: ClientError) -> str:
    """Return the code of an error that AWS has answered with."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _of_answer(error: ClientError, permission: str) -> str:
    code = code_of(error)
    kind = code.removesuffix("Exception")
    if kind in _DENIED:
        # The only text of AWS's that is passed on: it names who was denied what.
        message = str(error.response.get("Error", {}).get("Message", "")).strip().partition("\n")[0].rstrip(".")
        return f"AWS denies access ({code}{f': {message}' if message else ''}). Allow {permission}"
    if kind in _THROTTLED:
        return f"AWS throttles the requests of this account ({code}). Try again later"
    if kind in _EXPIRED:
        return f"the AWS credentials have expired ({code}). Sign in to AWS again, and check the clock"
    if kind in _UNKNOWN_KEY:
        return f"AWS does not accept the credentials ({code}). Check the access key, its secret and the clock"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return f"AWS has answered {code}{f' (HTTP status {status})' if status else ''}"


def _endpoint(details: dict[str, Any]) -> str:
    url = details.get("endpoint_url") or details.get("proxy_url")
    if not url:
        return "AWS"
    # Never a query, nor a user name and password before the host.
    return str(url).partition("?")[0].rpartition("@")[2].removeprefix("https://")
