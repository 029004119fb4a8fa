"""Signing in with a secret of AWS Secrets Manager, through its rotations."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from aws_advanced_python_wrapper.cluster.host import HostInfo
from aws_advanced_python_wrapper.core.sign_in import DatabaseCredentials, SignIn
from aws_advanced_python_wrapper.deadline import Deadline
from aws_advanced_python_wrapper.parameters.secrets_manager import SECRETS_MANAGER_EXPIRATION
from aws_advanced_python_wrapper.sign_in.credentials_source import CredentialsSource
from aws_advanced_python_wrapper.sign_in.renewed import Age, Fresh, RenewedValues
from aws_advanced_python_wrapper.sign_in.secrets import Secret, SecretKeys, SecretPlace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_advanced_python_wrapper.core.io import Io
    from aws_advanced_python_wrapper.core.sign_in import CredentialsRequest
    from aws_advanced_python_wrapper.driver.adapter import DriverAdapter
    from aws_advanced_python_wrapper.properties import Settings
    from aws_advanced_python_wrapper.sign_in.renewed import Renewed

_YEAR = 365 * 24 * 3600
_SOONEST = 10  # s; a secret is not fetched more often, whatever the program says

# While a secret is rotated the database has the new password before that version becomes the current one; and a server
# may learn of a new password later than Secrets Manager does.
_OTHER_STAGES = ("AWSPENDING", "AWSPREVIOUS")

_DATABASE_NAMES = ("dbname", "database", "db")
_HOST_NAMES = frozenset({"host", "hostaddr", "unix_socket"})

# Seconds for which AWS is not asked again where a host has accepted no version of a secret: a program that tries again
# and again would ask it, and pay for it, at its own pace.
_PATIENCE = 10.0


class _Experience:
    """What servers have made of the versions of a secret."""

    def __init__(self) -> None:
        self.accepted: tuple[Secret, Secret] | None = None
        """A current version that was refused, and which other one was accepted instead: good until it is current."""
        self._in_vain: dict[str, Age] = {}
        """When it was that a host accepted none, by address."""

    def was_in_vain(self, host: HostInfo) -> bool:
        """Whether a host has accepted none a moment ago."""
        known = self._in_vain.get(host.address)
        return known is not None and known.seconds < _PATIENCE

    def note_in_vain(self, host: HostInfo) -> None:
        """Note that a host accepts none, and forget hosts of which that is long ago."""
        lately = {address: age for address, age in list(self._in_vain.items()) if age.seconds < _PATIENCE}
        self._in_vain = {**lately, host.address: Age()}


_CURRENT: RenewedValues[Secret] = RenewedValues()
_EXPERIENCES: WeakKeyDictionary[Renewed[Secret], _Experience] = WeakKeyDictionary()
"""By current version, and kept no longer than that."""
_OTHERS: RenewedValues[Secret | None] = RenewedValues()


@dataclass(frozen=True, slots=True)
class SecretCredentials(DatabaseCredentials):
    """Credentials of one version of a secret, and what has been tried before them."""

    secret: Secret | None = None
    tried: tuple[Secret | None, ...] = field(default=(), repr=False)
    stages_left: tuple[str, ...] = _OTHER_STAGES


class SecretsManagerSignIn(SignIn):
    """What the plugin `aws_secrets_manager` signs in with."""

    def __init__(self, settings: Settings, adapter: DriverAdapter) -> None:
        self._adapter = adapter
        self._place, self._keys = SecretPlace.of(settings), SecretKeys.of(settings)
        # A secret is of no host: a handler hears of the program's own, if it gave one.
        host = HostInfo(settings.driver.get("host", ""), settings.port or adapter.default_port)
        self._source = CredentialsSource.of(settings, host)
        expiration = settings[SECRETS_MANAGER_EXPIRATION]
        self._expiration = max(expiration, _SOONEST) if expiration >= 0 else _YEAR
        self._where = (self._place, self._keys, self._source.key)

    @property
    def key(self) -> str:
        """The same for all who read the same secret with the same AWS credentials."""
        return repr(self._where)

    async def completed(self, io: Io, settings: Settings) -> Settings:
        """Return the settings with the host, port and database that the secret tells, where the program gives none."""
        missing = self._missing(settings.driver)
        if not missing:
            return settings
        seconds = self._adapter.seconds_to_connect(settings)
        secret = (await self._current().get(io, self, Deadline.after(seconds or math.inf))).value
        told = {name: getattr(secret, field_name) for field_name, name in missing.items()}
        return settings.completed({name: value for name, value in told.items() if value is not None})

    async def credentials(self, request: CredentialsRequest) -> DatabaseCredentials | None:
        """Return what the secret says now; where that is refused, what it says since or will say soon, each once."""
        refused = request.refused
        if not isinstance(refused, SecretCredentials):
            given = await self._current().get(request.io, self, request.deadline)
            return self._first_choice(given.value, was_at_hand=given.was_at_hand)
        experience = _experience_with(self._current())
        if experience.was_in_vain(request.host):
            return None
        other = await self._other(request, refused)
        if other is None:
            experience.note_in_vain(request.host)
        return other

    def at_hand(self, settings: Settings, host: HostInfo) -> DatabaseCredentials | None:
        """Return what the secret said last."""
        del settings, host
        secret = self._current().at_hand(self)
        return self._first_choice(secret, was_at_hand=True) if secret else None

    def accepted(self, credentials: DatabaseCredentials) -> None:
        """Remember which version goes where the current one does not: a rotation may be stuck for hours."""
        if not isinstance(credentials, SecretCredentials) or not credentials.tried or credentials.secret is None:
            return
        renewed = self._current()
        experience, current = _experience_with(renewed), renewed.at_hand(self)
        if credentials.secret == current:
            experience.accepted = None
        elif current is not None:
            experience.accepted = current, credentials.secret

    def _first_choice(self, current: Secret, *, was_at_hand: bool) -> SecretCredentials:
        """Return the current version, or the one that was accepted in its place."""
        experience = _experience_with(self._current())
        if known := experience.accepted:
            instead_of, accepted = known
            if instead_of == current:
                return _credentials(accepted, was_at_hand=True)
            experience.accepted = None
        return _credentials(current, was_at_hand=was_at_hand)

    async def _other(self, request: CredentialsRequest, refused: SecretCredentials) -> DatabaseCredentials | None:
        io, deadline = request.io, request.deadline
        tried, stages = (*refused.tried, refused.secret), refused.stages_left
        if refused.was_at_hand:
            self._source.doubt()
            given = await self._current().get(io, self, deadline, refused=refused.secret)
            if given.value not in tried:
                return _credentials(given.value, tried, was_at_hand=given.was_at_hand)
        for place, stage in enumerate(stages, 1):
            secret = (await self._at_stage(stage).get(io, self, deadline)).value
            if secret is not None and secret not in tried:
                return _credentials(secret, tried, stages_left=stages[place:])
        return None

    def _missing(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Return what the program does not give, by what this is called in a `Secret`; values are argument names."""
        database = next((name for name in _DATABASE_NAMES if name in self._adapter.parameters), _DATABASE_NAMES[0])
        if self._adapter.is_told_elsewhere(given):
            return {}
        # The port is the host's, of which the program has named another one.
        place = {} if _HOST_NAMES & given.keys() else {"host": "host", "port": "port"}
        return {kind: name for kind, name in {**place, "database": database}.items() if name not in given}

    def _current(self) -> Renewed[Secret]:
        obtain = partial(_obtain_current, self._place, self._keys, self._source, self._expiration)
        return _CURRENT.of((self._where, self._expiration), str(self._place), obtain)

    def _at_stage(self, stage: str) -> Renewed[Secret | None]:
        obtain = partial(_obtain_stage, self._place, self._keys, self._source, stage)
        return _OTHERS.of((self._where, stage), f"{self._place}, version {stage},", obtain)


def _experience_with(current: Renewed[Secret]) -> _Experience:
    return _EXPERIENCES.setdefault(current, _Experience())


def _credentials(secret: Secret, tried: tuple[Secret | None, ...] = (), **more: Any) -> SecretCredentials:
    return SecretCredentials(secret.user, secret.password, secret=secret, tried=tried, **more)


# AWS's library is imported where it is needed: in the thread that obtains something, not on an event loop.


def _obtain_current(
    place: SecretPlace, keys: SecretKeys, source: CredentialsSource, expiration: float
) -> Fresh[Secret]:
    from aws_advanced_python_wrapper.sign_in.secret_versions import obtain_current  # noqa: PLC0415 - see above

    return obtain_current(place, keys, source, expiration)


def _obtain_stage(place: SecretPlace, keys: SecretKeys, source: CredentialsSource, stage: str) -> Fresh[Secret | None]:
    from aws_advanced_python_wrapper.sign_in.secret_versions import obtain_stage  # noqa: PLC0415 - see above

    return obtain_stage(place, keys, source, stage)
