"""Restraint towards a provider that has refused a user: programs try again at once, and accounts are locked by that."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from aws_advanced_python_wrapper.core.releasing import at_release
from aws_advanced_python_wrapper.core.sign_in import SignInError
from aws_advanced_python_wrapper.sign_in.renewed import Age

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_advanced_python_wrapper.sign_in.saml.account import Account

# Seconds. Of so few attempts at most four fall into the half hour after which accounts usually forget failures.
_FIRST_PAUSE = 60.0
_GROWTH = 3
_LONGEST_PAUSE = 1800.0
_REMEMBERED_FOR = 1800.0  # s after the end of a pause in which another refusal makes the next one longer

_LONGEST_WAIT = 120.0  # s for visits of the same user's before one's own; a provider that is well takes one or two


class UserRefusedError(SignInError):
    """The provider does not let this user in with this password, or not now."""


class _Refused(NamedTuple):
    problem: str
    pause: float
    age: Age

    @property
    def left(self) -> float:
        """The seconds that are left of the pause; negative after it."""
        return self.pause - self.age.seconds


# Of a user and password a digest is kept, which without this tells nothing of them.
_KEY = os.urandom(32)

_REFUSED: dict[bytes, _Refused] = {}
at_release(_REFUSED.clear)


class _Turns:
    """Lets one visitor at a time do the same."""

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """Start clean in a forked child, where no visitor of the parent's lives."""
        self._changed = threading.Condition()
        self._taken: set[bytes] = set()

    @contextmanager
    def turn(self, key: bytes) -> Iterator[bool]:
        """Wait until nobody else is there, and tell whether that was in time."""
        with self._changed:
            if in_time := self._changed.wait_for(lambda: key not in self._taken, _LONGEST_WAIT):
                self._taken.add(key)
        try:
            yield in_time
        finally:
            if in_time:
                with self._changed:
                    self._taken.discard(key)
                    self._changed.notify_all()


_TURNS = _Turns()
os.register_at_fork(after_in_child=_TURNS.after_fork)


@contextmanager
def visit(account: Account) -> Iterator[None]:
    """Sign a user in while the block lasts, which nobody else does meanwhile with the same password.

    So a password that is wrong is tried once, by however many. A refusal that the block raises has the provider left
    in peace for a while, each time longer; until then `SignInError` is raised here.
    """
    key = _digest(account)
    with _TURNS.turn(key) as in_time:
        if not in_time:
            raise SignInError(
                f"{account.address} has had others wait for {_LONGEST_WAIT:g} s who sign in {account.username}, too: "
                "check that it is up."
            )
        _check(key)
        try:
            yield
        except UserRefusedError as refusal:
            _note(key, refusal)
            raise
        _REFUSED.pop(key, None)  # let bygones be bygones


def _digest(account: Account) -> bytes:
    user = repr((account.host, account.port, account.username, account.password))
    return hashlib.blake2b(user.encode(), key=_KEY).digest()


def _check(key: bytes) -> None:
    for old in [old for old, refused in list(_REFUSED.items()) if refused.left < -_REMEMBERED_FOR]:
        _REFUSED.pop(old, None)
    last = _REFUSED.get(key)
    if last is not None and (left := last.left) > 0:
        raise SignInError(
            f"{last.problem} It is not asked again for {left:.0f} s, as every attempt may count towards locking the "
            "account; release_resources() ends the pause."
        )


def _note(key: bytes, refusal: UserRefusedError) -> None:
    last = _REFUSED.get(key)
    pause = _FIRST_PAUSE if last is None else min(last.pause * _GROWTH, _LONGEST_PAUSE)
    _REFUSED[key] = _Refused(str(refusal), pause, Age())
