"""The one user whom the look-alikes know, and what that user may do in AWS."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Literal, get_args

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.idp.assertions import Assertions

State = Literal[
    "ok",
    "password_warning",
    "password_expired",
    "locked",
    "disabled",
    "mfa_required",
    "mfa_enroll",
    "rate_limited",
    "not_assigned",
    "stale",
    "broken",
]
"""How the user's account is.

`not_assigned`: the user may not go on to AWS; `stale`: what the provider says has expired already; `broken`: the
provider answers 503. AD FS knows no warning and no limit of rates: then all is well there.
"""

ROLE = "arn:aws:iam::123456789012:role/database-user"
_PROVIDERS = "arn:aws:iam::123456789012:saml-provider"
_OLD = 3600.0  # s


@dataclass(slots=True)
class Realm:
    """Set by the supervisor's loop, read by the threads that answer."""

    username: str
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    role: str = ROLE
    state: State = "ok"
    assertions: Assertions = field(default_factory=Assertions, repr=False)

    def provider(self, name: str) -> str:
        """Return the ARN by which IAM knows a provider."""
        return f"{_PROVIDERS}/{name}"

    def set_state(self, state: State) -> None:
        """Change how the account is."""
        if state not in get_args(State):
            raise LocalClusterError(f"state={state!r}: choose {', '.join(get_args(State))}")
        self.state = state
        self.assertions.age = _OLD if state == "stale" else 0.0

    def knows(self, username: object, password: object) -> bool:
        """Tell whether this is the user, with the right password."""
        right_password = secrets.compare_digest(str(password).encode(), self.password.encode())
        return right_password and str(username).lower() == self.username.lower()

    def vouch(self, host: str, name: str) -> str:
        """Return a provider's SAML response for the user."""
        return self.assertions.issue(f"https://{host}/{name}", self.username, self.role, self.provider(name))
