"""Sessions and clients of AWS's library. Everything here may block, and is called in the threads that obtain values."""

from __future__ import annotations

import math
import os
import threading
from functools import lru_cache, partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

# All that logs is imported here, and so before `quiet` looks for loggers.
import botocore.client
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from aws_advanced_python_wrapper.core.releasing import at_release
from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.errors import first_line
from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials
from aws_advanced_python_wrapper.sign_in.aws_errors import NO_CREDENTIALS, call_aws, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.sign_in.credentials_source import CredentialsSource

# Seconds. A connection waits for these calls.
_SIGNING = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_UNSIGNED = _SIGNING.merge(Config(signature_version=UNSIGNED))

_LONGEST = 7 * 24 * 3600.0  # s; credentials that last for longer count as if they never expired


class AwsSession:
    """A session of botocore's or boto3's, as the rest of this package uses it; it keeps its clients."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._create: Callable[..., Any] = getattr(session, "create_client", None) or session.client  # boto3's
        self._clients: dict[tuple[str, str, str | None], tuple[dict[str, Any], Any]] = {}
        # Sessions of AWS's library are not made for several threads, clients are. Nobody is called under it.
        self._lock = threading.Lock()

    @property
    def region(self) -> str | None:
        """The region that AWS's tools would use."""
        if hasattr(self._session, "get_config_variable"):
            region: str | None = call_aws(partial(self._session.get_config_variable, "region"), "The AWS region")
        else:
            region = self._session.region_name
        # In a container often the only one that is set; of AWS's tools the library for Python alone does not know it.
        return region or os.environ.get("AWS_REGION") or None

    def look_up(self) -> AwsCredentials:
        """Find the credentials, which may take calls to AWS; to be called by one thread at a time.

        Raises `SignInError`, which tells the reason only.
        """
        profile = getattr(self._session, "profile", None) or getattr(self._session, "profile_name", None)  # boto3's
        credentials = call_aws(self._session.get_credentials, profile=profile)
        if credentials is None:
            raise SignInError(f"{NO_CREDENTIALS}.")
        frozen = call_aws(credentials.get_frozen_credentials, profile=profile)
        return AwsCredentials(
            frozen.access_key, frozen.secret_key, frozen.token, _lasts_for(credentials), region=self.region
        )

    def client(
        self,
        what: str,
        service: str,
        region: str,
        endpoint: str | None = None,
        *,
        credentials: AwsCredentials | None,
    ) -> Any:
        """Return a client of a service that signs with these credentials, or not at all; any thread may use it.

        Raises `SignInError`, which begins with `what`.
        """
        place, signing = (service, region, endpoint), _arguments(credentials)
        with self._lock:
            known, client = self._clients.get(place, (None, None))
            if known != signing:
                create = partial(self._create, service, region_name=region, endpoint_url=endpoint, **signing)
                client = call_aws(create, what)
                self._clients[place] = signing, client
            return client


def _arguments(credentials: AwsCredentials | None) -> dict[str, Any]:
    """Return how a client is told what to sign with; without any credentials, AWS's library would look for some."""
    access_key, secret_key, token = ("none", "none", None)
    if credentials is not None:
        access_key, secret_key, token = credentials.access_key, credentials.secret_key, credentials.token
    return {
        "config": _SIGNING if credentials else _UNSIGNED,
        "aws_access_key_id": access_key,
        "aws_secret_access_key": secret_key,
        "aws_session_token": token,
    }


def _lasts_for(credentials: Any) -> float:
    """Find out to the second how long credentials last: botocore tells only whether they last for a given time."""
    refresh_needed = getattr(credentials, "refresh_needed", None)
    if refresh_needed is None or not refresh_needed(refresh_in=_LONGEST):
        return math.inf
    good, bad = 0.0, _LONGEST
    while bad - good > 1:
        middle = (good + bad) / 2
        good, bad = (good, middle) if refresh_needed(refresh_in=middle) else (middle, bad)
    return good


class _Sessions:
    """The sessions of the process, by profile: the one whose credentials were found last."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all: what a forked child inherits, sockets and locks, is its parent's."""
        self._by_profile: dict[str | None, tuple[str, AwsSession]] = {}
        _wrapped.cache_clear()

    def of(self, source: CredentialsSource) -> AwsSession:
        environment, known = self._by_profile.get(source.profile, (None, None))
        if known is None or environment != source.environment:
            known = self.keep(source, _new_session(source.profile))
        return known

    def keep(self, source: CredentialsSource, session: AwsSession) -> AwsSession:
        self._by_profile[source.profile] = source.environment, session
        return session


def _new_session(profile: str | None) -> AwsSession:
    session = botocore.session.Session(profile=profile)
    session.set_default_client_config(_SIGNING)  # also for looking up credentials
    return AwsSession(session)


@lru_cache(maxsize=32)
def _wrapped(session: Any) -> AwsSession:
    """Keep the clients of sessions that a handler gives again and again."""
    return AwsSession(session)


def client_with(credentials: AwsCredentials, what: str, service: str, region: str) -> Any:
    """Return a client that signs with these credentials. Raises `SignInError`."""
    session = botocore.session.Session()
    return call_aws(partial(session.create_client, service, region_name=region, **_arguments(credentials)), what)


_SESSIONS = _Sessions()
os.register_at_fork(after_in_child=_SESSIONS.clear)
at_release(_SESSIONS.clear)


def session_of_profile(source: CredentialsSource) -> AwsSession:
    """Return the session for a source without a handler, or whose handler gives none."""
    return _SESSIONS.of(source)


def session_of_handler(source: CredentialsSource) -> AwsSession | None:
    """Return the session that a handler gives: the same for the same. None where there is none, or it gives none.

    Raises `SignInError`.
    """
    given = _of_handler(source)
    return None if given is None else _wrapped(given)


def look_up(source: CredentialsSource) -> AwsCredentials:
    """Find the credentials of a profile, in the files and environment as they are now. Raises `SignInError`.

    A session that exists would give those it has found before. It is kept until another one has found some.
    """
    session = _new_session(source.profile)
    credentials = session.look_up()
    _SESSIONS.keep(source, session)
    return credentials


def _of_handler(source: CredentialsSource) -> Any:
    if source.handler is None:
        return None
    name = f"the handler of AwsCredentialsManager, {getattr(source.handler, '__qualname__', source.handler)!s},"
    try:
        given = source.handler(source.host, source.properties)  # type: ignore[arg-type] # where there is one, there is a host
    except (BotoCoreError, ClientError) as error:
        problem = f"{name} has failed: {reason_of(error)}"
    except Exception as error:  # noqa: BLE001 - it is the program's own
        problem = f"{name} has raised {type(error).__name__}: {first_line(error)}"
    else:
        if given is None or _is_session(given):
            return given
        problem = f"{name} has returned a {type(given).__name__}: return a boto3.Session or None"
    raise SignInError(problem[0].upper() + problem[1:])


def _is_session(given: Any) -> bool:
    """Tell a session of boto3's or botocore's from others, those for asyncio among them: nobody would await these."""
    look_up = getattr(given, "get_credentials", None)
    return callable(look_up) and not iscoroutinefunction(look_up)
