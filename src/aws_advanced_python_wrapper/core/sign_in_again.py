"""With which credentials a connection opens again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.cluster.host import HostInfo, HostRole
from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest, SignInError
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.sign_in import DatabaseCredentials, SignIn
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings


@dataclass(frozen=True)
class SignInAgain:
    """Gives a session's connections credentials for the host where they are about to open.

    It holds no session: a pool of the driver's may have the connection longer.
    """

    sign_in: SignIn
    adapter: DriverAdapter
    io: Io
    settings: Settings
    _hosts: dict[tuple[str, int], HostInfo] = field(default_factory=dict)

    def note(self, host: HostInfo) -> None:
        """Note what is known of a host to which a connection leads."""
        self._hosts[host.host, host.port] = host

    async def credentials(self, address: tuple[str, int], *, needed: bool) -> DatabaseCredentials | None:
        """Return credentials for a host, at once if they are at hand; see `driver.contract.CredentialsSource`."""
        host = self._hosts.get(address) or HostInfo(*address, HostRole.UNKNOWN)
        try:
            found = self.sign_in.at_hand(self.settings, host) or await self._obtain(host)
        except SignInError as error:
            if needed:
                raise self.adapter.error(AwsWrapperError, str(error)) from error
            return None
        if found is None and needed:
            text = f"{type(self.sign_in).__name__} has no credentials for {host.address}"
            raise self.adapter.error(AwsWrapperError, text)
        return found

    async def _obtain(self, host: HostInfo) -> DatabaseCredentials | None:
        deadline = Deadline.after(self.adapter.seconds_to_connect(self.settings) or math.inf)
        return await self.sign_in.credentials(CredentialsRequest(self.io, self.settings, host, deadline))
