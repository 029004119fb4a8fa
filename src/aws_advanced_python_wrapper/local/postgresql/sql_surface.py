"""The SQL that makes a PostgreSQL look like Aurora to its clients.

Everything node-local comes from the node's own settings and from topology.json in its data directory, since
the functions themselves are replicated. aurora_replica_status() runs as its superuser owner, hence its fixed
search_path.
"""

from __future__ import annotations

TOPOLOGY_FILE = "topology.json"
INSTANCE_SETTING = "aurora.instance_id"
EXTENSIONS_SETTING = "rds.extensions"
EXTENSIONS = "aurora_stat_utils, pg_stat_statements, pgcrypto, plpgsql, rds_tools"

_FUNCTIONS = f"""
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
              WHEN member.seen IS NULL THEN 5 + (random() * 1500)::integer / 100.0::double precision
              ELSE trunc(extract(epoch FROM clock_timestamp() - member.seen) * 1000)::double precision END,
         0::double precision, 0::bigint, 0::bigint, here.lsn, 0::bigint, 0::bigint, 0,
         2 + (random() * 600)::integer / 100.0::double precision
    FROM jsonb_to_recordset(pg_read_file('{TOPOLOGY_FILE}')::jsonb)
         AS member(server_id text, writer boolean, session_id text, seen timestamptz),
         (SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
                  - '0/0'::pg_lsn)::bigint AS lsn) AS here
$$;
"""  # noqa: S608  # only constants of this module are inserted

# PostgreSQL leaves settings without a definition out of this view; clients look there for what Aurora offers.
_SETTINGS_VIEW = f"""
CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
SELECT * FROM pg_catalog.pg_show_all_settings()
UNION ALL
SELECT '{EXTENSIONS_SETTING}', pg_catalog.current_setting('{EXTENSIONS_SETTING}', true), NULL,
       'Customized Options', 'The extensions that can be created.', NULL, 'internal', 'string',
       'configuration file', NULL, NULL, NULL::text[], NULL,
       pg_catalog.current_setting('{EXTENSIONS_SETTING}', true), NULL, NULL::integer, false;
"""  # noqa: S608  # only constants of this module are inserted

AURORA = _FUNCTIONS + _SETTINGS_VIEW


def roles_and_databases(superuser_password: str, user: str, password: str, database: str) -> str:
    """Return the SQL for the roles, and for the databases, which copy template1 and all that is in it."""
    return f"""
ALTER ROLE rdsadmin PASSWORD {literal(superuser_password)};

CREATE ROLE rds_superuser;

GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;

CREATE ROLE {identifier(user)} LOGIN CREATEDB CREATEROLE PASSWORD {literal(password)};

GRANT rds_superuser TO {identifier(user)};

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
