"""The identity providers of a local cluster, as the user of the Python API sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_advanced_python_wrapper.local.idp.realm import State

Provider = Literal["adfs", "okta"]


@dataclass(frozen=True, slots=True)
class IdentityProviders:
    """Look-alikes of AD FS and Okta beside a cluster, with one user, and with the faults of accounts and servers."""

    ca_bundle: Path
    """The certificates to trust (REQUESTS_CA_BUNDLE): the machine's own, and the cluster's."""
    db_user: str
    """The database user whom the role's tokens let in."""
    _call: Callable[..., Any] = field(repr=False)

    def parameters(self, provider: Provider) -> dict[str, Any]:
        """Return the driver's parameters for `federated_auth` (provider "adfs") or `okta`, without those of a host."""
        known = self._do("describe")
        special = {"adfs": {"rp_identifier": known["rp_identifier"]}, "okta": {"app_id": known["app_id"]}}
        return {
            "plugins": {"adfs": "federated_auth", "okta": "okta"}[provider],
            "idp_endpoint": known["hosts"][provider],
            "idp_port": known["ports"][provider],
            "idp_username": known["username"],
            "idp_password": known["password"],
            **special[provider],
            "iam_role_arn": known["role"],
            "iam_idp_arn": known["providers"][provider],
            "db_user": self.db_user,
        }

    @property
    def hosts(self) -> list[str]:
        """The host names of both."""
        return [*self._do("describe")["hosts"].values()]

    def set_state(self, state: State) -> None:
        """Change how the user's account is, such as "locked"; see `State`."""
        self._do("set_state", state=state)

    def set_password(self, password: str) -> None:
        """Give the user another password, for good."""
        self._do("set_password", password=password)

    def slow(self, seconds: float) -> None:
        """Answer everything so many seconds late."""
        self._do("slow", seconds=seconds)

    def take_down(self) -> None:
        """Refuse connections."""
        self._do("take_down")

    def calls(self) -> dict[str, int]:
        """Return how often each page was asked for, such as "okta POST /api/v1/authn"."""
        counts: dict[str, int] = self._do("calls")
        return counts

    def restore(self) -> None:
        """Put both back in order, and count anew."""
        self._do("restore")

    def _do(self, control: str, **arguments: Any) -> Any:
        return self._call("idp", control=control, arguments=arguments)
