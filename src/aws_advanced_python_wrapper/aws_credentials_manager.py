"""AWS credentials of a program's own, for the plugins that sign in through AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_advanced_python_wrapper.cluster.host import HostInfo

    CredentialsHandler: TypeAlias = Callable[[HostInfo, Mapping[str, Any]], Any]


class AwsCredentialsManager:
    """Where the plugins find AWS credentials, if not where AWS's tools look. To be called in any thread."""

    # One attribute is set or read at a time.
    _handler: ClassVar[CredentialsHandler | None] = None

    @classmethod
    def set_custom_handler(cls, handler: CredentialsHandler) -> None:
        """Have a function give the credentials for connections from now on, in the whole process.

        It is called with the host that is connected to and all parameters of the connection, less its passwords, by
        name; it returns a `boto3.Session`, a session of botocore's, or None where credentials are to be looked for as
        without it. It is called in a thread of the driver's, whenever something is made with the credentials, and may
        block. What it raises ends the attempt to connect that waits for it. What is made for one connection is used for
        all that have the same host, port, user, database and parameters of signing in, whatever else they differ in.

        Raises:
            AwsWrapperError: it cannot be called.
        """
        if not callable(handler):
            raise AwsWrapperError(
                f"AwsCredentialsManager.set_custom_handler: {handler!r} cannot be called, give a function of a host "
                "and the parameters of a connection."
            )
        # Not the function itself: as an attribute of a class it would become a method.
        cls._handler = staticmethod(handler)

    @classmethod
    def reset_custom_handler(cls) -> None:
        """Look for credentials where AWS's tools do again."""
        cls._handler = None

    @classmethod
    def custom_handler(cls) -> CredentialsHandler | None:
        """Return the function, if there is one."""
        return cls._handler
