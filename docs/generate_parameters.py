"""Writes the page of all parameters, parameters.md, from their declarations: ``python docs/generate_parameters.py``."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.converters import Parameter
from aws_advanced_python_wrapper.parameters.catalogue import ALIASES, AREAS, OF_BACKGROUND, PURPOSES

if TYPE_CHECKING:
    from types import ModuleType

DOCS = Path(__file__).parent
PAGE = DOCS / "parameters.md"

# What there is to read about an area, beside its table.
ABOUT = {
    "plugins": [("Plugins", "plugins.md"), ("Connection strings and profiles", "connection-strings.md")],
    "topology": [("How the hosts are found", "topology.md")],
    "session": [("Session state", "session-state.md"), ("Internal pools", "internal-pools.md")],
    "network": [("Network timeouts", "timeouts.md")],
    "failover": [("Failover", "failover.md")],
    "host_selection": [
        ("Host selection", "host-selection.md"),
        ("The fastest response", "fastest-response-strategy.md"),
    ],
    "host_monitoring": [("Host monitoring", "host-monitoring.md")],
    "iam": [("IAM", "iam.md")],
    "federated": [("AD FS", "federated-sign-in.md"), ("Okta", "okta.md")],
    "secrets_manager": [("AWS Secrets Manager", "secrets-manager.md")],
}

# What is not called as its module is.
TITLES = {"iam": "IAM", "secrets_manager": "AWS Secrets Manager", "federated": "Federated sign-in"}

HEAD = """\
# Parameters

<!-- Written by docs/generate_parameters.py from src/aws_advanced_python_wrapper/parameters: change it there. -->

All parameters of this driver. They stand in the [connection string](connection-strings.md) or are given as keywords,
beside those of your database driver, all of which work as before; a keyword wins over the string, and `None` means not
given (but for psycopg's `prepare_threshold`, where it is a value). A name that nobody knows, or a value out of range,
is refused by an `AwsWrapperError` before anything is connected.

True and false may be written as Python has them, or as `true`, `yes`, `on`, `1`, and their opposites.
"""

BACKGROUND = f"""\
{", ".join(f"`{purpose}`" for purpose in PURPOSES)}: before the name of a parameter, such a word gives it to the \
background connections of that kind only, as in `topology-monitoring-connect_timeout`. They take your database \
driver's parameters and of this driver's {", ".join(f"`{name}`" for name in sorted(OF_BACKGROUND))}."""

TABLE = """\
| parameter | value | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the text of the whole page."""
    return "\n".join([HEAD, paragraph(BACKGROUND), *map(section, AREAS)])


def paragraph(text: str) -> str:
    """Return a paragraph in lines as long as those of the other pages."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def section(area: ModuleType) -> str:
    """Return the section of the parameters that a module declares."""
    name = area.__name__.rpartition(".")[2]
    about = ", ".join(f"[{title}]({link})" for title, link in ABOUT.get(name, []))
    intro = " ".join([str(area.__doc__), *([f"See {about}."] if about else [])])
    rows = [row(value) for value in vars(area).values() if isinstance(value, Parameter)]
    title = TITLES.get(name, name.replace("_", " ").capitalize())
    return f"## {title}\n\n{paragraph(intro)}\n{TABLE}{''.join(rows)}"


def row(parameter: Parameter[Any]) -> str:
    """Return one line of a table."""
    others = [f"`{alias}`" for alias, name in ALIASES.items() if name == parameter.name]
    also = f" Also written {', '.join(others)}." if others else ""
    accepts = parameter.accepts.partition(" (also ")[0]  # the spellings of true and false are told once
    cells = (f"`{parameter.name}`", accepts, default(parameter.default), parameter.doc + also)
    return f"| {' | '.join(cells)} |\n"


def default(value: Any) -> str:
    """Return a default as one would write it; "none" where it is not one value for everybody."""
    if value is None or (isinstance(value, Mapping) and not value):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:.15g}"
    return f"`{','.join(value) if isinstance(value, tuple) else value}`" if value else "empty"


if __name__ == "__main__":
    PAGE.write_text(page())
