"""The checks of MySQL servers, with asyncio connections."""

from cluster.test_mysql_host_monitoring import *  # noqa: F403
