"""What tests say to the servers of either engine, past the driver or through it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """Statements that mean the same; those with `{}` need a value filled in.

    `process` is the connection's own process or thread at the server, `end_process` ends another one, `has_process`
    tells whether it is there; `begin` begins a transaction where autocommit is off; `sleep` takes seconds, and
    `sleepers` counts those that sleep so long now; `insert_once` does nothing where the row is there already.
    """

    name: str
    who: str
    is_reader: str
    process: str
    end_process: str
    has_process: str
    sleep: str
    sleepers: str
    version: str
    begin: str
    transaction_read_only: str
    insert_once: str


POSTGRESQL = Engine(
    name="postgresql",
    who="SELECT pg_catalog.aurora_db_instance_identifier()",
    is_reader="SELECT pg_is_in_recovery()",
    process="SELECT pg_backend_pid()",
    end_process="SELECT pg_terminate_backend({}, 20000)",
    has_process="SELECT count(*) FROM pg_stat_activity WHERE pid = {}",
    sleep="SELECT pg_sleep({})",
    sleepers="SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep({})' AND state = 'active'",
    version="SELECT current_setting('server_version')",
    begin="SELECT 1",
    transaction_read_only="SHOW transaction_read_only",
    insert_once="INSERT INTO {} VALUES (%s) ON CONFLICT DO NOTHING",
)

MYSQL = Engine(
    name="mysql",
    who="SELECT @@aurora_server_id",
    is_reader="SELECT @@global.read_only",
    process="SELECT CONNECTION_ID()",
    end_process="KILL {}",
    has_process="SELECT COUNT(*) FROM information_schema.processlist WHERE id = {}",
    sleep="SELECT SLEEP({})",
    sleepers="SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP({})'",
    version="SELECT @@version",
    begin="BEGIN",
    transaction_read_only="SELECT @@transaction_read_only",
    insert_once="INSERT IGNORE INTO {} VALUES (%s)",
)

ENGINES = {engine.name: engine for engine in (POSTGRESQL, MYSQL)}
