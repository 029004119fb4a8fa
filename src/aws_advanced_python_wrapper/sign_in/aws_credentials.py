"""AWS credentials as a value. Nothing of AWS's library is needed for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from aws_advanced_python_wrapper.sign_in.attempts import Age


@dataclass(frozen=True, slots=True, eq=False)
class AwsCredentials:
    """What requests to AWS, and tokens, are signed with."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    lasts_for: float = math.inf
    """Seconds, counted by their `age`, until they expire, as far as they tell."""
    region: str | None = None
    """The region that AWS's tools would use with them, where there is one."""
    age: Age = field(default_factory=Age, repr=False)

    @property
    def expire_in(self) -> float:
        """Seconds that are left of their time."""
        return self.lasts_for - self.age.seconds
