"""PostgreSQL: community servers, RDS instances, Aurora clusters.

The functions and settings are those of the Amazon Aurora User Guide ("Aurora PostgreSQL functions reference") and of
the RDS extensions; operators are qualified too, since `search_path` resolves them like names.
"""

from __future__ import annotations

from aws_advanced_python_wrapper.database.dialect import Dialect

PG = Dialect(code="pg", probe_sql=None)

RDS_PG = Dialect(
    code="rds-pg",
    probe_sql="""
SELECT setting OPERATOR(pg_catalog.~~) '%rds_tools%' AND setting OPERATOR(pg_catalog.!~~) '%aurora_stat_utils%'
FROM pg_catalog.pg_settings
WHERE name OPERATOR(pg_catalog.=) 'rds.extensions'
""",
)

# A host's rows about others are news, possibly old: members that have not reported for 300 s are left out, but for the
# writer and those without a time.
AURORA_PG = Dialect(
    code="aurora-pg",
    probe_sql="""
SELECT setting OPERATOR(pg_catalog.~~) '%aurora_stat_utils%'
FROM pg_catalog.pg_settings
WHERE name OPERATOR(pg_catalog.=) 'rds.extensions'
""",
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
