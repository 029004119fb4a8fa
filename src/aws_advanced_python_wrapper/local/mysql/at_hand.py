"""Having a MySQL server, whatever it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.errors import LocalClusterError
from aws_advanced_python_wrapper.local.mysql import installation, obtain

if TYPE_CHECKING:
    from collections.abc import Callable


def have_server(tell: Callable[[str], None]) -> str | None:
    """Return the `mysql_bin` of a cluster: None where a server is found by itself, else the one that was fetched.

    What is on the PATH may be MariaDB, or too old. `tell` hears of the fetching. Raises `LocalClusterError` where no
    server can be had.
    """
    try:
        installation.prepare(None)
    except LocalClusterError:
        return str(obtain.obtain(tell))
    return None
