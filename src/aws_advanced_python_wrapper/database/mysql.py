"""MySQL: community servers, RDS instances, Multi-AZ DB clusters, Aurora clusters.

Tables and variables are those of the Amazon Aurora User Guide and the Amazon RDS User Guide. Built-in functions cannot
be replaced by a database's own, so they need no qualification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.database.dialect import Dialect

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.database.dialect import Ask

_HINT = "On a Multi-AZ DB cluster: GRANT SELECT ON mysql.rds_topology"

MYSQL = Dialect(code="mysql", no_cluster_hint=_HINT)

RDS_MYSQL = Dialect(code="rds-mysql", no_cluster_hint=_HINT)

# A host's rows about others are news, possibly old: members that have not reported for 300 s when the latest one has
# are left out, but for the writer and those without a time. The times are compared with one another, since the session
# may be in any time zone. LIMIT goes before a `sql_select_limit`.
AURORA_MYSQL = Dialect(
    code="aurora-mysql",
    identity_sql="SELECT @@aurora_server_id, IF(@@innodb_read_only, 't', 'f')",
    members_sql="""
SELECT server_id,
       IF(session_id = 'MASTER_SESSION_ID', 't', 'f'),
       COALESCE(replica_lag_in_milliseconds, 0),
       UNIX_TIMESTAMP(last_update_timestamp)
FROM information_schema.replica_host_status
WHERE last_update_timestamp IS NULL
   OR session_id = 'MASTER_SESSION_ID'
   OR last_update_timestamp >= (
     SELECT MAX(last_update_timestamp) - INTERVAL 300 SECOND FROM information_schema.replica_host_status)
LIMIT 1000
""",
)

MULTI_AZ_MYSQL = Dialect(
    code="multi-az-mysql",
    # A row comes also from an instance that is missing in its own table.
    identity_sql="""
SELECT SUBSTRING_INDEX(member.endpoint, '.', 1), IF(own.is_reader, 't', 'f'), member.endpoint, member.port
FROM (SELECT @@server_id AS id, @@read_only AS is_reader) AS own
LEFT JOIN mysql.rds_topology AS member ON member.id = own.id
""",
    # The table does not say who the writer is: only a host's own word does.
    members_sql="""
SELECT SUBSTRING_INDEX(endpoint, '.', 1), IF(id = @@server_id AND @@read_only = 0, 't', 'f'), NULL, NULL
FROM mysql.rds_topology
LIMIT 1000
""",
)

DIALECTS = (MYSQL, RDS_MYSQL, AURORA_MYSQL, MULTI_AZ_MYSQL)

TRAITS_SQL = """
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('aurora_version', 'report_host', 'version_comment')
"""
"""Returns a row for each of these that there is: its name and its value."""

TOPOLOGY_SQL = """
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'mysql' AND table_name = 'rds_topology'
"""
"""Returns 0 where there is no such table, or the user may not read it."""

_RDS_COMMENT = "source distribution"


async def detect(ask: Ask) -> Dialect:
    """Tell the deployments apart: by one query, where a server has a name to report to others by two."""
    values = {str(name).lower(): value or "" for name, value in await ask(TRAITS_SQL)}
    if "aurora_version" in values:
        return AURORA_MYSQL
    # An instance that stands alone may have the table, too, for a blue/green deployment, but no such name.
    if values.get("report_host") and await _has_topology(ask):
        return MULTI_AZ_MYSQL
    return RDS_MYSQL if values.get("version_comment", "").lower() == _RDS_COMMENT else MYSQL


async def _has_topology(ask: Ask) -> bool:
    ((count,),) = await ask(TOPOLOGY_SQL)
    return count != "0"
