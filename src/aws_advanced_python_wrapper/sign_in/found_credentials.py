"""AWS credentials that are at hand: looked up in a thread of their own, and anew before they expire.

AWS's library renews credentials while a caller waits, and gives none any more in their last ten minutes if AWS does not
answer. So what it has found is kept here, and is used until it ends.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.sign_in.credentials_source import DOUBTED
from aws_advanced_python_wrapper.sign_in.quiet import quiet
from aws_advanced_python_wrapper.sign_in.renewed import Fresh, RenewedValues

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.sign_in.aws import AwsSession
    from aws_advanced_python_wrapper.sign_in.aws_credentials import AwsCredentials
    from aws_advanced_python_wrapper.sign_in.credentials_source import CredentialsSource
    from aws_advanced_python_wrapper.sign_in.renewed import Renewed

_LOOK_AGAIN = 900.0  # s after which those that do not expire are looked up again: files may have changed
_SAFETY = 30.0  # s before they expire in which they are not used any more

_FOUND: RenewedValues[AwsCredentials] = RenewedValues()


async def found_lately(io: Io, user: object, source: CredentialsSource, deadline: Deadline) -> None:
    """Have the credentials of a profile looked up again, if that was not done a moment ago, and wait for it.

    Others go on using those at hand. Where none can be found, those are kept, and `SignInError` is raised.
    """
    await _of_profile(source).get(io, user, deadline, doubted=True)


def keep_at_hand(user: object, source: CredentialsSource) -> None:
    """Have the credentials of a profile looked up, and renewed in the background while `user` lives."""
    _of_profile(source).at_hand(user)


def session_and_credentials(source: CredentialsSource, what: str) -> tuple[AwsSession, AwsCredentials]:
    """Return the session for a source, and its credentials as they are now; a handler is asked each time.

    To be called in a thread that obtains something. Raises `SignInError`, which begins with `what` where AWS's library
    finds no credentials.
    """
    # AWS's library is not imported on an event loop.
    from aws_advanced_python_wrapper.sign_in.aws import session_of_handler, session_of_profile  # noqa: PLC0415

    with quiet():  # once more, now that AWS's library is imported
        session = session_of_handler(source)
        found = _of_profile(source) if session is None else _of_session(session)
        try:
            return session or session_of_profile(source), _at_hand(found, source)
        except SignInError as error:
            problem = SignInError(f"{what}: {error}")
    raise problem


def _at_hand(found: Renewed[AwsCredentials], source: CredentialsSource) -> AwsCredentials:
    if source.key in DOUBTED:
        DOUBTED.discard(source.key)
        try:
            return found.get_blocking(doubted=True)
        except SignInError:  # those at hand may be good for others
            pass
    return found.get_blocking()


def _of_profile(source: CredentialsSource) -> Renewed[AwsCredentials]:
    name = "AWS credentials" if source.profile is None else f"AWS credentials of the profile '{source.profile}'"
    return _FOUND.of((source.profile, source.environment), name, partial(_obtain_of_profile, source))


def _of_session(session: AwsSession) -> Renewed[AwsCredentials]:
    return _FOUND.of(session, "AWS credentials of a handler's session", partial(_obtain, session.look_up))


def _obtain_of_profile(source: CredentialsSource) -> Fresh[AwsCredentials]:
    from aws_advanced_python_wrapper.sign_in.aws import look_up  # noqa: PLC0415 - see above

    return _obtain(partial(look_up, source))


def _obtain(look_up: Callable[[], AwsCredentials]) -> Fresh[AwsCredentials]:
    with quiet():
        credentials = look_up()
    if credentials.lasts_for == math.inf:
        return Fresh(credentials, _LOOK_AGAIN)
    if credentials.lasts_for <= 0:
        raise SignInError("the AWS credentials have expired. Check the clock.")
    return Fresh.expiring(credentials, credentials.lasts_for, _SAFETY)
