"""The SQL that makes a PostgreSQL look to its clients like what Amazon deploys.

Everything node-local comes from the node's own settings and from topology.json in its data directory, since
the functions themselves are replicated. Those that read the file run as their superuser owner, hence the fixed
search_path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.settings import Deployment

TOPOLOGY_FILE = "topology.json"
INSTANCE_SETTING = "aws_driver_local.instance_id"
EXTENSIONS_SETTING = "rds.extensions"

_RDS_EXTENSIONS = "pg_stat_statements, pgcrypto, plpgsql, rds_tools"
_EXTENSIONS: dict[str, str] = {
    "aurora": f"aurora_stat_utils, {_RDS_EXTENSIONS}",
    "multi-az": _RDS_EXTENSIONS,
    "rds": _RDS_EXTENSIONS,
}

_AURORA = f"""
CREATE FUNCTION pg_catalog.aurora_version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1)
         OPERATOR(pg_catalog.||) '.0'
$$;

CREATE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.current_setting('{INSTANCE_SETTING}') $$;

CREATE FUNCTION pg_catalog.aurora_replica_status(
  OUT server_id text, OUT session_id text, OUT durable_lsn bigint, OUT highest_lsn_rcvd bigint,
  OUT current_read_lsn bigint, OUT cur_replay_latency_in_usec bigint, OUT active_txns bigint,
  OUT is_current boolean, OUT last_transport_error integer, OUT last_error_timestamp timestamptz,
  OUT last_update_timestamp timestamptz, OUT feedback_xmin bigint, OUT feedback_epoch bigint,
  OUT replica_lag_in_msec double precision, OUT log_stream_speed_in_kib_per_second double precision,
  OUT log_buffer_sequence_number bigint, OUT oldest_read_view_trx_id bigint, OUT oldest_read_view_lsn bigint,
  OUT pending_read_ios bigint, OUT read_ios bigint, OUT iops integer, OUT cpu double precision
) RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT member.server_id,
         CASE WHEN member.writer THEN 'MASTER_SESSION_ID' ELSE member.session_id END,
         here.lsn, here.lsn, here.lsn,
         CASE WHEN member.writer THEN 0 ELSE 1000 + (random() * 15000)::bigint END,
         0::bigint,
         member.seen IS NULL,
         0,
         NULL::timestamptz,
         coalesce(member.seen, clock_timestamp() - random() * interval '100 milliseconds'),
         0::bigint, 0::bigint,
         CASE WHEN member.writer THEN NULL
              WHEN member.lag IS NOT NULL THEN member.lag
              WHEN member.seen IS NULL THEN 5 + (random() * 1500)::integer / 100.0::double precision
              ELSE trunc(extract(epoch FROM clock_timestamp() - member.seen) * 1000)::double precision END,
         0::double precision, 0::bigint, 0::bigint, here.lsn, 0::bigint, 0::bigint, 0,
         2 + (random() * 600)::integer / 100.0::double precision
    FROM jsonb_to_recordset(pg_read_file('{TOPOLOGY_FILE}')::jsonb)
         AS member(server_id text, writer boolean, session_id text, seen timestamptz, lag double precision),
         (SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
                  - '0/0'::pg_lsn)::bigint AS lsn) AS here
$$;
"""  # noqa: S608  # only constants of this module are inserted

# The extension rds_tools, as its owner has created it: who is to use it must be granted the schema.
_RDS_TOOLS = f"""
CREATE SCHEMA rds_tools;

GRANT USAGE ON SCHEMA rds_tools TO rds_superuser;

CREATE FUNCTION rds_tools.show_topology(
  metric_source text DEFAULT NULL, OUT id text, OUT endpoint text, OUT port integer
) RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT resource_id, endpoint, port
    FROM jsonb_to_recordset(pg_read_file('{TOPOLOGY_FILE}')::jsonb)
         AS member(resource_id text, endpoint text, port integer)
$$;

CREATE FUNCTION rds_tools.dbi_resource_id() RETURNS text
LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT resource_id
    FROM jsonb_to_recordset(pg_read_file('{TOPOLOGY_FILE}')::jsonb) AS member(server_id text, resource_id text)
   WHERE server_id = current_setting('{INSTANCE_SETTING}')
$$;
"""  # noqa: S608  # only constants of this module are inserted

_SOURCE = """
CREATE FUNCTION rds_tools.multi_az_db_cluster_source_dbi_resource_id() RETURNS text
LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ {} $$;
"""
_SOURCE_OF_CLUSTER = _SOURCE.format(f"""
  SELECT resource_id
    FROM jsonb_to_recordset(pg_read_file('{TOPOLOGY_FILE}')::jsonb) AS member(writer boolean, resource_id text)
   WHERE writer
""")  # noqa: S608  # only constants of this module are inserted
_NO_SOURCE = _SOURCE.format("SELECT NULL::text")

# PostgreSQL leaves settings without a definition out of this view; clients look there for what RDS offers.
_SETTINGS_VIEW = f"""
CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
SELECT * FROM pg_catalog.pg_show_all_settings()
UNION ALL
SELECT '{EXTENSIONS_SETTING}', pg_catalog.current_setting('{EXTENSIONS_SETTING}', true), NULL,
       'Customized Options', 'The extensions that can be created.', NULL, 'internal', 'string',
       'configuration file', NULL, NULL, NULL::text[], NULL,
       pg_catalog.current_setting('{EXTENSIONS_SETTING}', true), NULL, NULL::integer, false;
"""  # noqa: S608  # only constants of this module are inserted

_FUNCTIONS: dict[str, str] = {
    "aurora": _AURORA + _SETTINGS_VIEW,
    "multi-az": _RDS_TOOLS + _SOURCE_OF_CLUSTER + _SETTINGS_VIEW,
    "rds": _RDS_TOOLS + _NO_SOURCE + _SETTINGS_VIEW,
    "plain": "",
}


def functions(deployment: Deployment) -> str:
    """Return the SQL for what a deployment adds to PostgreSQL; the roles must exist."""
    return _FUNCTIONS[deployment]


def settings(instance: str, deployment: Deployment) -> dict[str, str]:
    """Return the server settings that go with it."""
    if deployment not in _EXTENSIONS:
        return {}
    return {INSTANCE_SETTING: instance, EXTENSIONS_SETTING: _EXTENSIONS[deployment]}


def roles(superuser_password: str, user: str, password: str) -> str:
    """Return the SQL for the roles."""
    return f"""
ALTER ROLE rdsadmin PASSWORD {literal(superuser_password)};

CREATE ROLE rds_superuser;

GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;

CREATE ROLE {identifier(user)} LOGIN CREATEDB CREATEROLE PASSWORD {literal(password)};

GRANT rds_superuser TO {identifier(user)};
"""


def iam(master: str, user: str) -> str:
    """Return the SQL for signing in with IAM tokens, and for a user who does; as if the master user had made that."""
    return f"""
CREATE ROLE rds_iam;

GRANT rds_iam TO {identifier(master)} WITH ADMIN OPTION;

CREATE ROLE {identifier(user)} LOGIN;

GRANT rds_iam TO {identifier(user)};

GRANT {identifier(user)} TO {identifier(master)} WITH ADMIN OPTION;

GRANT CREATE ON SCHEMA public TO {identifier(user)};
"""


def databases(user: str, database: str) -> str:
    """Return the SQL for the databases, which copy template1 and all that is in it."""
    return f"""
DROP DATABASE postgres;

CREATE DATABASE postgres;

CREATE DATABASE {identifier(database)} OWNER {identifier(user)};
"""


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text."""
    escaped = text.replace("'", "''").replace("\\", "\\\\")
    return f" E'{escaped}'"
