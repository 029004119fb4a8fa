"""Stale DNS: the cluster's writer endpoint leads to the writer, also while DNS still names the one before.

For programs that do without the plugin `failover`, which does the same.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.core.plugin import ConnectNext, Phase, Plugin
from aws_advanced_python_wrapper.core.search import HostSearch, NoHostFoundError
from aws_advanced_python_wrapper.core.search_log import SearchLog
from aws_advanced_python_wrapper.core.writer_endpoint import WriterConnect, is_writer_endpoint
from aws_advanced_python_wrapper.errors import AwsConnectError
from aws_advanced_python_wrapper.parameters.network import CONNECT_TIMEOUT

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.cluster.host import HostInfo
    from aws_advanced_python_wrapper.core.opened import Opened

logger = logging.getLogger(__name__)

# Seconds that the hosts have to name the writer, unless the user's connect_timeout says otherwise.
_PATIENCE = 30.0


class StaleDnsPlugin(Plugin):
    """The plugin `stale_dns`; it opens connections, and takes no part in what becomes of them."""

    code = "stale_dns"
    phase = Phase.STALE_DNS
    excludes = frozenset({"initial_connection", "srw", "gdb_rw"})
    needs_topology = True

    async def connect(self, host: HostInfo, proceed: ConnectNext) -> Opened:
        """Open a connection; the writer endpoint is opened at the true writer, and nowhere else."""
        session = self.session
        if not is_writer_endpoint(session, host):
            return await proceed(host)
        patience = session.settings[CONNECT_TIMEOUT] or _PATIENCE
        try:
            return await WriterConnect(session, self._search, time.monotonic(), patience).open(host, proceed)
        except NoHostFoundError as error:
            raise session.adapter.error(
                AwsConnectError,
                f"{host.host} leads to a host that is not the writer, and in {patience:g} s another was not found: "
                f"{error}. Connect again later, or to the reader endpoint if you only read.",
            ) from None

    def _search(self) -> HostSearch:
        cluster = self.session.cluster
        if cluster is None:
            raise LookupError("only a session that knows its cluster can search it")
        return HostSearch(self.session, cluster, self, log=SearchLog(logger))
