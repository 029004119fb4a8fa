"""Where the credentials of connections come from, if not from the program's arguments."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from aws_advanced_python_wrapper.driver.contract import ErrorKind
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.deadline import Deadline
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")


class SignInError(Exception):
    """There are no credentials; the message tells why, for whom and what to do, and contains no secret."""


@dataclass(frozen=True, slots=True)
class DatabaseCredentials:
    """With what a connection is opened."""

    user: str | None
    """None: as the program's arguments say."""
    password: str = field(repr=False)
    was_at_hand: bool = False
    """Whether they had been obtained before they were asked for: others may be valid by now."""


@dataclass(frozen=True, slots=True)
class CredentialsRequest:
    """For which connection credentials are wanted, and by when."""

    io: Io = field(repr=False)
    """Through which whoever has to wait does so."""
    settings: Settings = field(repr=False)
    host: HostInfo
    deadline: Deadline
    refused: DatabaseCredentials | None = None
    """Those given last for the same connection, which the server did not accept: other ones are wanted."""


class SignIn(ABC):
    """Gives the connections of one session their credentials, and those that are opened in the background for it.

    It holds no session, and is used from any thread and event loop. Whoever waits does so through the `Io` given.
    """

    sends_token: ClassVar[bool] = False
    """Whether what it gives is told to the server as it is: the connection must be encrypted then."""

    @property
    @abstractmethod
    def key(self) -> str:
        """The same for those that give the same credentials. Compared, never shown."""

    async def completed(self, io: Io, settings: Settings) -> Settings:
        """Return the settings with what the program has not given, such as the host. Raises `SignInError`."""
        del io
        return settings

    @abstractmethod
    async def credentials(self, request: CredentialsRequest) -> DatabaseCredentials | None:
        """Return the credentials that are requested, at once if they are at hand.

        None, where the request has `refused` ones and there are no others, ends the attempt to connect with the
        server's own error. Raises `SignInError`, also past the deadline.
        """

    def accepted(self, credentials: DatabaseCredentials) -> None:  # noqa: B027 - most have no use for it
        """Note that a connection was opened with these credentials."""

    @abstractmethod
    def at_hand(self, settings: Settings, host: HostInfo) -> DatabaseCredentials | None:
        """Return credentials that can be had without waiting; without any, have them obtained for the next time."""


async def prepared_settings(sign_in: SignIn, io: Io, adapter: DriverAdapter, settings: Settings) -> Settings:
    """Return what a sign-in makes of the settings; raises `AwsWrapperError` where it cannot, or the settings forbid it.

    The error is an instance of the driver's class too.
    """
    try:
        settings = await sign_in.completed(io, settings)
    except SignInError as error:
        raise adapter.error(AwsWrapperError, str(error)) from error
    return adapter.token_settings(settings) if sign_in.sends_token else settings


async def open_signed_in(
    sign_in: SignIn | None,
    adapter: DriverAdapter,
    request: CredentialsRequest,
    open_with: Callable[[Settings], Awaitable[T]],
) -> T:
    """Return what `open_with` opens with the credentials requested, or with others where the server refuses them.

    Raises what `open_with` raises, and `AwsWrapperError`, as an instance of the driver's class too, where no
    credentials can be had.
    """
    if sign_in is None:
        return await open_with(request.settings)
    if seconds := adapter.seconds_to_connect(request.settings):
        request = replace(request, deadline=request.deadline.bounded(seconds))
    return await _open_with_credentials(sign_in, adapter, request, open_with)


async def _open_with_credentials(
    sign_in: SignIn, adapter: DriverAdapter, request: CredentialsRequest, open_with: Callable[[Settings], Awaitable[T]]
) -> T:
    refusal: Exception | None = None
    try:
        while True:
            try:
                credentials = await sign_in.credentials(request)
            except SignInError as error:
                if refusal is not None:
                    _warn_of(error, request.host)
                raise refusal or adapter.error(AwsWrapperError, str(error)) from error
            if credentials is None:
                raise refusal or _none_for(request.host, sign_in, adapter)
            try:
                opened = await open_with(signed_in(request.settings, credentials))
            except adapter.failures as error:
                if adapter.classify(error) is not ErrorKind.LOGIN:
                    raise
                request, refusal = replace(request, refused=credentials), error
            else:
                sign_in.accepted(credentials)
                return opened
    finally:
        refusal = None  # its traceback refers to this frame: together they would keep the session


def _warn_of(error: SignInError, host: HostInfo) -> None:
    logger.warning("%s has refused the credentials, and there are no others: %s", host.address, error)


def _none_for(host: HostInfo, sign_in: SignIn, adapter: DriverAdapter) -> Exception:
    return adapter.error(AwsWrapperError, f"{type(sign_in).__name__} has no credentials for {host.address}")


def signed_in(settings: Settings, credentials: DatabaseCredentials | None) -> Settings:
    """Return the settings with credentials in place of the program's own."""
    if credentials is None:
        return settings
    user = {} if credentials.user is None else {"user": credentials.user}
    return settings.with_driver(password=credentials.password, **user)
