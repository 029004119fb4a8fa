"""The SQL that makes a MySQL server look to its clients like what Amazon deploys, as far as SQL can.

What is local to a node comes from topology.json in the folder that it may read files from, since the function that
reads it is replicated. Names that no stock server has are put in by the proxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.proxy.mysql.sql import literal
from aws_advanced_python_wrapper.local.users import login

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.mysql.accounts import Accounts
    from aws_advanced_python_wrapper.local.settings import Settings

TOPOLOGY_FILE = "topology.json"
REPLICA_HOST_STATUS = "aws_driver_local.replica_host_status"
WRITE = "REPLACE INTO mysql.aws_driver_local VALUES (1, NOW(6))"
_FIRST_SERVER_ID = 1_000_000_000  # as large as Amazon's

# What the master user of Aurora may do, of that which a stock server has; it is subject to `read_only`.
_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, "
    "CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, CREATE ROLE, DROP ROLE, APPLICATION_PASSWORD_ADMIN, "
    "ROLE_ADMIN, XA_RECOVER_ADMIN"
)

_TOPOLOGY = f"""
CREATE DATABASE aws_driver_local;

CREATE DEFINER=rdsadmin@localhost FUNCTION aws_driver_local.topology() RETURNS JSON
READS SQL DATA SQL SECURITY DEFINER
RETURN CONVERT(LOAD_FILE(CONCAT(@@global.secure_file_priv, '{TOPOLOGY_FILE}')) USING utf8mb4);

CREATE DEFINER=rdsadmin@localhost SQL SECURITY DEFINER VIEW aws_driver_local.members AS
SELECT number, server_id, writer, session_id, endpoint, port, lag_ms, FROM_UNIXTIME(seen_at) AS seen
  FROM JSON_TABLE(aws_driver_local.topology(), '$[*]' COLUMNS (
         number INT PATH '$.number', server_id VARCHAR(100) PATH '$.server_id', writer BOOL PATH '$.writer',
         session_id VARCHAR(100) PATH '$.session_id', endpoint VARCHAR(255) PATH '$.endpoint',
         port INT PATH '$.port', lag_ms DOUBLE PATH '$.lag', seen_at DECIMAL(20, 6) PATH '$.seen_at'
       )) AS member;
"""  # noqa: S608  # only constants of this module are inserted
_AURORA = f"""
CREATE DEFINER=rdsadmin@localhost SQL SECURITY DEFINER VIEW {REPLICA_HOST_STATUS} AS
SELECT server_id AS SERVER_ID,
       IF(writer, 'MASTER_SESSION_ID', session_id) AS SESSION_ID,
       COALESCE(seen, NOW(6)) AS LAST_UPDATE_TIMESTAMP,
       CASE WHEN writer THEN 0
            WHEN lag_ms IS NOT NULL THEN lag_ms
            WHEN seen IS NULL THEN 5 + RAND() * 15
            ELSE TIMESTAMPDIFF(MICROSECOND, seen, NOW(6)) / 1000 END AS REPLICA_LAG_IN_MILLISECONDS,
       2 + RAND() * 6 AS CPU,
       IF(seen IS NULL, 1, 0) AS IS_CURRENT
  FROM aws_driver_local.members;
"""  # noqa: S608  # only constants of this module are inserted
# What stands in Aurora's information schema everybody may read; no user's name stands for all of them.
_FOR_EVERYBODY = """
INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', 'aws\\_driver\\_local', '', 'Y');

FLUSH PRIVILEGES;
"""
_MULTI_AZ = f"""
CREATE DEFINER=rdsadmin@localhost SQL SECURITY DEFINER VIEW mysql.rds_topology AS
SELECT {_FIRST_SERVER_ID} + number AS id, endpoint, port FROM aws_driver_local.members;
"""  # noqa: S608  # only constants of this module are inserted
_SURFACES: dict[str, str] = {
    "aurora": _TOPOLOGY + _AURORA + _FOR_EVERYBODY,
    "multi-az": _TOPOLOGY + _MULTI_AZ,
    "rds": "",
    "plain": "",
}


def server_id(number: int) -> int:
    """Return the `server_id` of the instance of this number."""
    return _FIRST_SERVER_ID + number


def initial(settings: Settings, accounts: Accounts) -> list[str]:
    """Return the statements with which a cluster begins, each on one line."""
    user = f"{literal(settings.user)}@'%'"
    admin, replication = accounts.admin, accounts.replication
    iam_user = f"{literal(settings.iam_user)}@'%'"
    iam = [
        f"CREATE USER {iam_user} IDENTIFIED WITH {token_users()}",
        f"GRANT ALL ON {identifier(settings.database)}.* TO {iam_user}",
    ]
    return [
        f"CREATE USER {admin.name}@localhost IDENTIFIED BY {literal(admin.password)}",
        f"GRANT ALL ON *.* TO {admin.name}@localhost WITH GRANT OPTION",
        f"CREATE USER {replication.name}@'%' IDENTIFIED BY {literal(replication.password)}",
        f"GRANT REPLICATION SLAVE, BACKUP_ADMIN ON *.* TO {replication.name}@'%'",
        f"CREATE USER {user} IDENTIFIED BY {literal(settings.password)}",
        f"GRANT {_PRIVILEGES} ON *.* TO {user} WITH GRANT OPTION",
        "CREATE TABLE mysql.aws_driver_local (id INT PRIMARY KEY, written TIMESTAMP(6))",
        f"CREATE DATABASE {identifier(settings.database)}",
        *(iam if settings.iam else []),
        *(" ".join(part.split()) for part in _SURFACES[settings.deployment].split(";") if part.strip()),
        "DROP USER root@localhost",
    ]


def token_users() -> str:
    """Return how the servers know users of IAM: let in without a question from the proxies, which run as this user."""
    return f"auth_socket AS {literal(login())}"


def identifier(name: str) -> str:
    """Quote a name."""
    return "`" + name.replace("`", "``") + "`"
