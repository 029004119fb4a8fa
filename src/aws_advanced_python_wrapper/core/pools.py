"""Pools of the driver's own connections, one for each host and user: what the pools of both flavours have in common."""

from __future__ import annotations

import os
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from aws_advanced_python_wrapper.cluster.endpoint import EndpointType, analyse
from aws_advanced_python_wrapper.errors import AwsWrapperError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.connection_provider import Connect

# What may differ from one attempt to the next although it opens the same connection: an IAM token is a password.
_OF_ONE_ATTEMPT = frozenset({"host", "hostaddr", "port", "password", "connect_timeout"})

_EXPIRATION = 30 * 60 * 10**9  # ns
_CLEANUP_INTERVAL = 10 * 60 * 10**9  # ns


class PoolKey(NamedTuple):
    """What tells pools apart: a host, as `host:port/`, and the user, or what `pool_mapping` returned."""

    url: str
    extra_key: str


class Pool(Protocol):
    """The idle connections of one key."""

    @property
    def in_use(self) -> int:
        """How many connections are lent, or being opened."""
        ...

    @property
    def usable(self) -> bool:
        """Whether anybody can use what lies here."""
        ...

    def dispose(self) -> None:
        """Close what lies idle, and whatever is given back from now on. Must not wait."""
        ...


def _check_function(name: str, found: object) -> None:
    if found is not None and not callable(found):
        raise AwsWrapperError(f"{name}: {found!r} is no function, give one that takes (host, props).")


def _dictionary(found: object) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise AwsWrapperError(f"pool_configurator: it has returned {found!r}, and not a dictionary of options.")
    return dict(found)


class PooledConnectionProvider(ABC):
    """The map of the pools. Pools that nobody has used for a while are disposed of when another lease is asked for.

    All the arguments are optional. Functions get the host and the driver's arguments, the user's names for them:

    - `pool_configurator(host, props)` returns the options of the host's pool as a dictionary;
    - `pool_mapping(host, props)` returns a text that, beside the host, tells pools apart, in place of the user's name;
    - `accept_url_func(host, props)` tells whether connections to a host are pooled; unless given, those to instances;
    - `pool_expiration_check_ns`: nanoseconds after which a pool of which nothing is used is disposed of (half an hour);
    - `pool_cleanup_interval_ns`: nanoseconds between two looks for such pools (ten minutes).
    """

    def __init__(
        self,
        pool_configurator: Callable[[HostInfo, dict[str, Any]], Mapping[str, Any]] | None = None,
        pool_mapping: Callable[[HostInfo, dict[str, Any]], str] | None = None,
        accept_url_func: Callable[[HostInfo, dict[str, Any]], bool] | None = None,
        pool_expiration_check_ns: int = -1,
        pool_cleanup_interval_ns: int = -1,
    ) -> None:
        _check_function("pool_configurator", pool_configurator)
        _check_function("pool_mapping", pool_mapping)
        _check_function("accept_url_func", accept_url_func)
        self._configurator = pool_configurator
        self._mapping = pool_mapping
        self._accept = accept_url_func
        self._expiration = _EXPIRATION if pool_expiration_check_ns < 0 else pool_expiration_check_ns
        self._interval = _CLEANUP_INTERVAL if pool_cleanup_interval_ns < 0 else pool_cleanup_interval_ns
        self.after_fork()
        _PROVIDERS.add(self)

    def after_fork(self) -> None:
        """Forget the pools; in a forked child their connections are the parent's, and the lock may be held for ever."""
        self._lock = threading.RLock()  # re-entrant: a finalizer may close a connection at any moment
        self._pools: dict[Hashable, tuple[PoolKey, Any]] = {}
        self._last_use: dict[Hashable, int] = {}
        self._next_cleanup = time.monotonic_ns() + self._interval

    def accepts(self, host: HostInfo, props: Mapping[str, Any]) -> bool:
        """Tell whether connections to this host are pooled."""
        if self._accept is not None:
            return bool(self._accept(host, dict(props)))
        return analyse(host.host).type is EndpointType.INSTANCE

    @property
    def num_pools(self) -> int:
        """The number of pools."""
        return len(self._pools)

    @property
    def pool_urls(self) -> set[str]:
        """The hosts that have a pool, each as `host:port/`."""
        return {key.url for key in self.keys()}

    def keys(self) -> list[PoolKey]:
        """Return what tells pools apart; one stands here twice if they differ in database, options or sign-in."""
        with self._lock:
            return [key for key, _ in self._pools.values()]

    def release_resources(self) -> None:
        """Close what lies idle, and keep nothing that is given back from now on. New leases begin new pools."""
        with self._lock:
            pools, self._pools, self._last_use = [pool for _, pool in self._pools.values()], {}, {}
        for pool in pools:
            pool.dispose()

    @abstractmethod
    def _new_pool(self, options: dict[str, Any]) -> Any:
        """Make a pool; raises `AwsWrapperError` for options that it does not take."""

    def _scope(self) -> Hashable:
        """Return what connections are tied to, beside the process."""
        return None

    def _pool(self, host: HostInfo, props: Mapping[str, Any], connect: Connect) -> Any:
        key = PoolKey(host.url, self._extra_key(host, props))
        signed_in_by = getattr(connect, "signed_in_by", None)  # a provider of a program's may wrap the function
        place = (self._scope(), key, signed_in_by, _connection_kind(props))
        with self._lock:
            expired = self._expired(begin_anew=place not in self._pools)
            found = self._pools.get(place)
            self._last_use[place] = time.monotonic_ns()
        for pool in expired:
            pool.dispose()
        return found[1] if found else self._enter(place, key, self._new_pool(self._options(host, props)))

    def _enter(self, place: Hashable, key: PoolKey, new: Any) -> Any:
        with self._lock:  # another thread may have been quicker, or have released everything
            self._last_use[place] = time.monotonic_ns()
            return self._pools.setdefault(place, (key, new))[1]

    def _options(self, host: HostInfo, props: Mapping[str, Any]) -> dict[str, Any]:
        return _dictionary(self._configurator(host, dict(props))) if self._configurator else {}

    def _extra_key(self, host: HostInfo, props: Mapping[str, Any]) -> str:
        if self._mapping is not None:
            return self._mapping(host, dict(props))
        user = props.get("user")
        if not user:
            raise AwsWrapperError(
                f"Connections to {host.address} are pooled by user, and none was given: give user=, or the provider "
                "a pool_mapping."
            )
        return str(user)

    def _expired(self, *, begin_anew: bool) -> list[Any]:
        """Take out the pools that are due, once the interval has passed; unusable ones before another pool begins."""
        now = time.monotonic_ns()
        look = now >= self._next_cleanup
        if not (look or begin_anew):
            return []
        if look:
            self._next_cleanup = now + self._interval
        due = [
            place
            for place, (_, pool) in self._pools.items()
            if not pool.usable or (look and not pool.in_use and now - self._last_use[place] > self._expiration)
        ]
        for place in due:
            del self._last_use[place]
        return [self._pools.pop(place)[1] for place in due]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.num_pools} pools>"


def _connection_kind(props: Mapping[str, Any]) -> Hashable:
    """Return what connections must have in common to stand for each other: database, options, factories and so on."""
    return frozenset((name, _hashable(value)) for name, value in props.items() if name not in _OF_ONE_ATTEMPT)


def _hashable(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value  # type: ignore[no-any-return]


_PROVIDERS: weakref.WeakSet[PooledConnectionProvider] = weakref.WeakSet()


def _after_fork() -> None:
    for provider in list(_PROVIDERS):
        provider.after_fork()


os.register_at_fork(after_in_child=_after_fork)
