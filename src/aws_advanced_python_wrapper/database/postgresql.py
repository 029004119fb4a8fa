"""PostgreSQL: community servers, RDS instances, Multi-AZ DB clusters, Aurora clusters.

The functions and settings are those of the Amazon Aurora User Guide ("Aurora PostgreSQL functions reference"), the
Amazon RDS User Guide and the RDS extensions; operators are qualified too, since `search_path` resolves them like names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.database.dialect import Dialect
from aws_advanced_python_wrapper.version import __version__

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.database.dialect import Ask

_HINT = "On a Multi-AZ DB cluster: CREATE EXTENSION rds_tools, and grant USAGE on its schema"

PG = Dialect(code="pg", no_cluster_hint=_HINT)

RDS_PG = Dialect(code="rds-pg", no_cluster_hint=_HINT)

# A host's rows about others are news, possibly old: members that have not reported for 300 s are left out, but for the
# writer and those without a time.
AURORA_PG = Dialect(
    code="aurora-pg",
    identity_sql="SELECT pg_catalog.aurora_db_instance_identifier(), pg_catalog.pg_is_in_recovery()",
    members_sql="""
SELECT server_id,
       session_id OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID',
       COALESCE(replica_lag_in_msec, 0),
       pg_catalog.date_part('epoch', last_update_timestamp)
FROM pg_catalog.aurora_replica_status()
WHERE last_update_timestamp IS NULL
   OR session_id OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID'
   OR pg_catalog.date_part('epoch', pg_catalog.now() OPERATOR(pg_catalog.-) last_update_timestamp)
      OPERATOR(pg_catalog.<=) 300
""",
)

# RDS counts by the name who asks for the topology.
_TOPOLOGY = f"rds_tools.show_topology('aws_advanced_python_driver-{__version__}') AS member"
_SOURCE = "rds_tools.multi_az_db_cluster_source_dbi_resource_id() AS source(id)"

MULTI_AZ_PG = Dialect(
    code="multi-az-pg",
    # A row comes also from an instance that is missing in its own table.
    identity_sql=f"""
SELECT pg_catalog.split_part(member.endpoint, '.', 1), own.in_recovery, member.endpoint, member.port
FROM (SELECT pg_catalog.pg_is_in_recovery(), rds_tools.dbi_resource_id()) AS own(in_recovery, id)
LEFT JOIN {_TOPOLOGY} ON member.id OPERATOR(pg_catalog.=) own.id
""",  # noqa: S608 - nothing of the user's is in it
    members_sql=f"""
SELECT pg_catalog.split_part(member.endpoint, '.', 1), member.id OPERATOR(pg_catalog.=) source.id, NULL, NULL
FROM {_TOPOLOGY} CROSS JOIN {_SOURCE}
""",  # noqa: S608 - nothing of the user's is in it
    turns_users_away=True,
)

DIALECTS = (PG, RDS_PG, AURORA_PG, MULTI_AZ_PG)

# A function that does not exist, or is not granted, must not be named in a query: it is looked for in the catalogue.
TRAITS_SQL = """
SELECT
  (SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'rds.extensions'),
  EXISTS (
    SELECT FROM pg_catalog.pg_proc AS function
    JOIN pg_catalog.pg_namespace AS schema ON schema.oid OPERATOR(pg_catalog.=) function.pronamespace
    WHERE schema.nspname OPERATOR(pg_catalog.=) 'rds_tools'
      AND function.proname OPERATOR(pg_catalog.=) 'multi_az_db_cluster_source_dbi_resource_id'
      AND pg_catalog.has_schema_privilege(schema.oid, 'USAGE')
      AND pg_catalog.has_function_privilege(function.oid, 'EXECUTE'))
"""
"""Returns one row: the extensions that RDS offers, NULL outside RDS; whether `SOURCE_SQL` can be asked."""

SOURCE_SQL = f"SELECT source.id FROM {_SOURCE}"  # noqa: S608 - nothing of the user's is in it
"""Returns the resource id of a Multi-AZ DB cluster's writer; NULL on an instance that stands alone."""


async def detect(ask: Ask) -> Dialect:
    """Tell the deployments apart: by one query, where `rds_tools` can be asked by two."""
    ((extensions, has_source),) = await ask(TRAITS_SQL)
    offered = extensions or ""
    if "aurora_stat_utils" in offered:
        return AURORA_PG
    if has_source == "t" and await _has_source(ask):
        return MULTI_AZ_PG
    return RDS_PG if "rds_tools" in offered else PG


async def _has_source(ask: Ask) -> bool:
    rows = await ask(SOURCE_SQL)
    return bool(rows) and rows[0][0] is not None
