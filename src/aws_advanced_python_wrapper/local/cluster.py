"""The Python API of the local cluster."""

from __future__ import annotations

import logging
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local import conninfo, direct, names_here
from aws_advanced_python_wrapper.local.aws.client import Aws
from aws_advanced_python_wrapper.local.changes import Changes
from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.idp.client import IdentityProviders
from aws_advanced_python_wrapper.local.instance import Instance, ProxyControls
from aws_advanced_python_wrapper.local.launch import Control, Launched, require_the_extra, wait_gone
from aws_advanced_python_wrapper.local.places import Place, running, stale
from aws_advanced_python_wrapper.local.settings import Settings
from aws_advanced_python_wrapper.local.values import Condition, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

    from aws_advanced_python_wrapper.local.names.resolution import Mode, Resolution

_log = logging.getLogger("aws_advanced_python_wrapper.local")


def _ignore(_progress: str) -> None: ...


class LocalCluster(Changes):
    """Real servers on this machine that act as an Aurora cluster, or as what else Amazon deploys.

        with LocalCluster() as cluster:
            connection = psycopg.connect(cluster.conninfo())
            cluster.failover()

    The keyword arguments are the fields of `Settings` and of `Delays`. The important ones: `engine` ("postgresql",
    "mysql"), `deployment` ("aurora"; "multi-az": a Multi-AZ DB cluster, "rds": one instance that stands alone,
    "plain": the engine as it is), `instances` (3), `name` ("demo"), `database` ("app"), `user` ("admin"), `password`
    (generated), `port` (chosen), `tls` ("allow", "require", "off"), `postgres_version` (16 or 18) or `postgres_bin`
    (the folder of an installed PostgreSQL's programs), `mysql_bin` (MySQL's server program, or its folder),
    `iam` (whether instances check IAM tokens) and `iam_user` ("jane"), `max_connections`, `server_settings`,
    `topology_delay`, `dns_delay`, `restart_time`, `hang_detection`, `rejoin_delay`. `resolution` says how the names
    are made to resolve in this process and its children ("auto" chooses). The cluster ends with this process at the
    latest, whichever way that ends.
    """

    def __init__(
        self, *, resolution: Mode = "auto", progress: Callable[[str], None] | None = None, **settings: Any
    ) -> None:
        self.settings = Settings.from_keywords(settings)
        self.resolution: Resolution | None = None
        self._mode = resolution
        self._progress = progress or _ignore
        self._launched: Launched | None = None
        self._place: Place | None = None
        self._card: dict[str, Any] = {}
        self._delays = self.settings.delays

    @classmethod
    def attach(cls, name: str = "demo") -> LocalCluster:
        """Return the cluster that `aws-driver-local up` started under this name."""
        places = running(name)
        if not places:
            left = f" (what is left of one: {stale(name)[0].directory})" if stale(name) else ""
            raise LocalClusterError(f"no cluster {name!r} is up{left}: aws-driver-local up --name {name}")
        card = places[0].read_card()
        cluster = cls(resolution="none")
        cluster.settings = Settings.from_json(card["settings"])
        cluster._delays = cluster.settings.delays
        cluster._place, cluster._card = places[0], card
        return cluster

    def __repr__(self) -> str:
        state = f"at {self._place.directory}" if self._place else "not started"
        return f"<LocalCluster {self.settings.name} {self.settings.instances} instances {state}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Bring the cluster up and make its names resolve; on return every instance accepts connections."""
        if self._place is not None:
            raise LocalClusterError(f"{self!r} is up already")
        # First, since a process cannot enter a namespace any more once it has threads.
        self.resolution = names_here.enter(self._mode)
        _log.info("names resolve by %s: %s", self.resolution.mode, self.resolution.reason)
        self._launch(Launched(self.settings, names_here.hosts_file(), detached=False))

    def start_detached(self) -> None:
        """Bring up a cluster that lives until it is stopped; its names resolve in `aws-driver-local run`."""
        launched = Launched(self.settings, None, detached=True)
        self._launch(launched)
        launched.let_go()
        self._launched = None

    def stop(self) -> None:
        """End the cluster and remove every trace of it; harmless when it is not up."""
        place, launched = self._place, self._launched
        self._place = self._launched = None
        if self.resolution is not None:
            self.resolution.leave()
            self.resolution = None
        if launched is not None:
            launched.end()
        elif place is not None:
            Control(place.socket).call("stop")
            wait_gone(place)

    def _launch(self, launched: Launched) -> None:
        self._card = launched.wait_ready(self._progress)
        self._launched, self._place = launched, launched.place

    @property
    def instances(self) -> list[Instance]:
        """All instances as they are now, in order of their numbers."""
        return [self._instance(condition) for condition in self.status().instances]

    @property
    def writer(self) -> Instance:
        """The instance that writes."""
        return next(instance for instance in self.instances if instance.is_writer)

    @property
    def readers(self) -> list[Instance]:
        """The other instances."""
        return [instance for instance in self.instances if not instance.is_writer]

    def instance(self, name: str) -> Instance:
        """Return the instance of this name (or host name)."""
        for instance in self.instances:
            if name in (instance.name, instance.host):
                return instance
        raise LocalClusterError(f"no instance {name!r}: there are {', '.join(map(str, self.instances))}")

    @property
    def writer_endpoint(self) -> str:
        """The cluster endpoint; of an instance that stands alone, its own."""
        return self.settings.names().writer

    @property
    def reader_endpoint(self) -> str:
        """The reader endpoint; of an instance that stands alone, its own."""
        return self.settings.names().reader

    def alias(self, name: str, target: str | None = None) -> str:
        """Make a host name of your own lead where `target` does, an endpoint or instance (the cluster endpoint).

        Resolvers tell that `target` is its canonical name, as they do where a CNAME record stands in DNS.
        """
        self._call("alias", name=name, target=target or self.writer_endpoint)
        return name

    @property
    def iam_user(self) -> str:
        """The user that signs in with IAM tokens, where `iam` is on."""
        return self.settings.iam_user

    @property
    def aws(self) -> Aws:
        """Secrets Manager and STS beside the cluster, where `iam` is on."""
        if not self.settings.iam:
            raise LocalClusterError("this cluster has no AWS: start it with iam=True, or 'up --iam'")
        own, names = self.settings, self.settings.names()
        key, secret_key = own.access_key_id, own.secret_access_key
        return Aws(self._known("aws_endpoint"), own.region, key, secret_key, names.secret, self._call)

    @property
    def idp(self) -> IdentityProviders:
        """AD FS and Okta beside the cluster, where `iam` is on."""
        if not self.settings.iam:
            raise LocalClusterError("this cluster has no identity providers: start it with iam=True, or 'up --iam'")
        return IdentityProviders(self.ca_file.with_name("ca-bundle.pem"), self.iam_user, self._call)

    @property
    def port(self) -> int:
        """The port of every instance and endpoint."""
        port: int = self._known("port")
        return port

    @property
    def ca_file(self) -> Path:
        """The certificate to trust: sslmode=verify-full with sslrootcert=this works."""
        return Path(self._known("ca_file"))

    @property
    def hosts_file(self) -> Path:
        """The hosts file with the names of the cluster."""
        return Path(self._known("hosts_file"))

    @property
    def directory(self) -> Path:
        """Where everything of the cluster is."""
        return Path(self._known("directory"))

    @property
    def user(self) -> str:
        """The ordinary (not superuser) master user."""
        return self.settings.user

    @property
    def password(self) -> str:
        """The password of `user`."""
        return self.settings.password

    @property
    def database(self) -> str:
        """The database made at the start."""
        return self.settings.database

    def parameters(self, host: str | None = None, **extra: object) -> dict[str, Any]:
        """Return the keyword arguments with which to connect to the cluster endpoint, or to `host`.

        They are those of psycopg, or of MySQL Connector/Python.
        """
        parameters: dict[str, Any] = {
            "host": host or self.writer_endpoint,
            "port": self.port,
            "user": self.user,
            "password": self.password,
        }
        if self.settings.engine == "mysql":
            return {**parameters, "database": self.database, **extra}
        # libpq looks for Kerberos first, which takes longer than all the rest.
        return {**parameters, "dbname": self.database, "gssencmode": "disable", **extra}

    def conninfo(self, host: str | None = None, **extra: object) -> str:
        """Return `parameters` as a connection string."""
        return conninfo.make(self.parameters(host, **extra))

    def connect_directly(self, instance: Instance | str) -> Any:
        """Connect as superuser to the server itself, past its proxy, in autocommit mode.

        The connection is psycopg's, or PyMySQL's, which comes with aiomysql.
        """
        require_the_extra(self.settings.engine)
        return direct.connect(self.settings.engine, self._call("direct", instance=str(instance)), self.database)

    def add_reader(self, name: str | None = None) -> Instance:
        """Add an instance; returns when it accepts connections."""
        return self.instance(self._call("add_reader", name=name))

    def set_delays(self, **delays: float | Mapping[str, float]) -> None:
        """Change some of `topology_delay`, `dns_delay`, `restart_time`, `hang_detection`, `rejoin_delay` (seconds)."""
        self._call("set_delays", changes=delays)
        self._delays = self._delays.change(delays)

    def restore(self) -> None:
        """Put everything back in order: all instances run, no faults, delays and counters as at the start.

        Added readers are removed, removed ones replaced, custom endpoints and aliases forgotten; the writer stays.
        """
        self._call("restore")
        self._delays = self.settings.delays

    def status(self) -> Status:
        """Return a picture of the cluster."""
        values = self._call("status")
        return Status(**{**values, "instances": tuple(Condition(**one) for one in values["instances"])})

    def _instance(self, condition: Condition) -> Instance:
        values = {field.name: getattr(condition, field.name) for field in fields(Condition)}
        return Instance(**values, proxy=ProxyControls(condition.name, self._control))

    @property
    def _control(self) -> Control:
        if self._place is None:
            raise LocalClusterError("the cluster is not up: use it as a context manager, or call start()")
        return Control.of(self._place, replace(self.settings, delays=self._delays))

    def _call(self, operation: str, **arguments: Any) -> Any:
        return self._control.call(operation, **arguments)

    def _known(self, what: str) -> Any:
        if not self._card:
            raise LocalClusterError(f"{what} is known when the cluster is up: use it as a context manager")
        return self._card[what]
