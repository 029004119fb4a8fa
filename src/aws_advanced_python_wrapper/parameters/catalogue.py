"""All parameters by name, their other spellings, and the prefixes that give one to some connections only."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from aws_advanced_python_wrapper.converters import Parameter
from aws_advanced_python_wrapper.parameters import (
    database,
    failover,
    federated,
    host_monitoring,
    host_selection,
    iam,
    network,
    plugins,
    secrets_manager,
    session,
    topology,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

AREAS: Final = (
    *(plugins, database, topology, session, network, failover, host_selection, host_monitoring),
    *(iam, secrets_manager, federated),
)

PARAMETERS: Final[Mapping[str, Parameter[Any]]] = MappingProxyType(
    {
        parameter.name: parameter
        for area in AREAS
        for parameter in vars(area).values()
        if isinstance(parameter, Parameter)
    }
)

# Spellings of earlier documentation and of the sister drivers.
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wrapperPlugins": "plugins",
        "wrapper_plugins": "plugins",  # in SQLAlchemy's URLs, where `plugins` means something else
        "dialect": "wrapper_dialect",
        "connection_timeout": "connect_timeout",  # as MySQL Connector/Python calls it
        "reader_response_strategy": "reader_host_selector_strategy",
        "secrets_manager_secret_username": "secrets_manager_secret_username_key",
        "secrets_manager_secret_password": "secrets_manager_secret_password_key",
    }
)

# A parameter with such a prefix, ours or the database driver's, is only for the connections that the monitors
# of that purpose open. No prefix is the beginning of another.
TOPOLOGY_MONITORING: Final = "topology-monitoring-"
HOST_MONITORING: Final = "monitoring-"
RESPONSE_MEASUREMENT: Final = "frt-"
PURPOSES: Final = (TOPOLOGY_MONITORING, HOST_MONITORING, RESPONSE_MEASUREMENT)

# Of this driver's own parameters, those that such connections obey.
OF_BACKGROUND: Final = frozenset(
    {parameter.name for parameter in vars(network).values() if isinstance(parameter, Parameter)}
) | {database.AUXILIARY_QUERY_TIMEOUT_SEC.name}


def parameter_of(written: str) -> Parameter[Any] | None:
    """Return the parameter that a name stands for, in any spelling and with any prefix; None for none of ours."""
    prefix = next((purpose for purpose in PURPOSES if written.startswith(purpose)), "")
    name = written.removeprefix(prefix)
    return PARAMETERS.get(ALIASES.get(name, name))
