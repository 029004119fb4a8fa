"""What the proxy makes of queries that only Amazon's MySQL servers answer."""

from __future__ import annotations

import pytest

from aws_advanced_python_wrapper.local.proxy.mysql import rewriting
from aws_advanced_python_wrapper.local.proxy.mysql.face import MysqlFace
from aws_advanced_python_wrapper.local.proxy.mysql.rewriting import Rewriter

AURORA = Rewriter(MysqlFace.aurora("one", "3.10.0", "here.hosts", hostname="ip-1", port="3306"))
RDS = Rewriter(MysqlFace.rds(report_host="10.0.0.1"))


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("SELECT @@aurora_server_id", "SELECT 'one' AS `@@aurora_server_id`"),
        ("SELECT @@Aurora_Server_Id;", "SELECT 'one' AS `@@Aurora_Server_Id`;"),
        (
            "SELECT @@aurora_server_id, @@innodb_read_only",
            "SELECT 'one' AS `@@aurora_server_id`, @@global.read_only AS `@@innodb_read_only`",
        ),
        ("select  @@global.aurora_version  limit 1", "select  '3.10.0' AS `@@global.aurora_version`  limit 1"),
        ("select @@`aurora_version`", "select '3.10.0' AS `@@``aurora_version```"),
        ("SELECT @@session . port + 1", "SELECT 3306 + 1 AS `@@session . port + 1`"),
        ("SELECT @@aurora_server_id AS a, @@port b", "SELECT 'one' AS a, 3306 b"),
        ("SELECT @@aurora_server_id 'a', @@port `b`", "SELECT 'one' 'a', 3306 `b`"),
        ("SELECT aurora_version(), 1", "SELECT '3.10.0' AS `aurora_version()`, 1"),
        ("SELECT AURORA_VERSION ( ) v", "SELECT '3.10.0'   v"),
        (
            "SELECT CONCAT(@@hostname, ':', @@port) AS host_id",
            "SELECT CONCAT('ip-1', ':', 3306) AS host_id",
        ),
        (
            "SELECT CONCAT(@@hostname, ':', @@port)",
            "SELECT CONCAT('ip-1', ':', 3306) AS `CONCAT(@@hostname, ':', @@port)`",
        ),
        (
            "SELECT CASE WHEN @@innodb_read_only THEN 1 ELSE 0 END FROM t",
            (
                "SELECT CASE WHEN @@global.read_only THEN 1 ELSE 0 END"
                " AS `CASE WHEN @@innodb_read_only THEN 1 ELSE 0 END` FROM t"
            ),
        ),
        (
            "SELECT @@innodb_read_only IS NULL, @@port BETWEEN 1 AND x",
            (
                "SELECT @@global.read_only IS NULL AS `@@innodb_read_only IS NULL`,"
                " 3306 BETWEEN 1 AND x AS `@@port BETWEEN 1 AND x`"
            ),
        ),
        (
            (
                "SELECT SERVER_ID FROM information_schema.replica_host_status"
                " WHERE SESSION_ID = 'MASTER_SESSION_ID' AND SERVER_ID = @@aurora_server_id"
            ),
            "SELECT SERVER_ID FROM here.hosts WHERE SESSION_ID = 'MASTER_SESSION_ID' AND SERVER_ID = 'one'",
        ),
        (
            "SELECT h.CPU FROM `INFORMATION_SCHEMA` . `Replica_Host_Status` h ORDER BY @@port, h.CPU",
            "SELECT h.CPU FROM here . hosts h ORDER BY 3306, h.CPU",
        ),
        (
            "SELECT * FROM (SELECT @@port, 2 UNION SELECT 1, @@port) AS t WHERE 1 IN (SELECT DISTINCT @@port)",
            (
                "SELECT * FROM (SELECT 3306 AS `@@port`, 2 UNION SELECT 1, 3306 AS `@@port`) AS t"
                " WHERE 1 IN (SELECT DISTINCT 3306 AS `@@port`)"
            ),
        ),
        (
            "/* who */ SELECT -- are\n @@aurora_server_id # you\n",
            "/* who */ SELECT -- are\n 'one' AS `@@aurora_server_id` # you\n",
        ),
        ("SET @a = @@aurora_server_id", "SET @a = 'one'"),
        ("INSERT INTO t VALUES (@@port, ?)", "INSERT INTO t VALUES (3306, ?)"),
        ("INSERT INTO t SELECT @@port", "INSERT INTO t SELECT 3306 AS `@@port`"),
        (
            "INSERT INTO t SELECT @@port ON DUPLICATE KEY UPDATE id = @@port",
            "INSERT INTO t SELECT 3306 AS `@@port` ON DUPLICATE KEY UPDATE id = 3306",
        ),
        ("CREATE TABLE view AS SELECT @@port", "CREATE TABLE view AS SELECT 3306 AS `@@port`"),
        (
            "CREATE TEMPORARY TABLE t (function INT DEFAULT (@@port))",
            "CREATE TEMPORARY TABLE t (function INT DEFAULT (3306))",
        ),
    ],
)
def test_a_name_becomes_what_it_stands_for_and_columns_keep_their_names(asked: str, sent: str) -> None:
    assert AURORA(asked.encode()).decode() == sent


@pytest.mark.parametrize(
    "asked",
    [
        "SELECT 1",
        "SELECT '@@aurora_server_id'",
        "SELECT \"it\\\"s @@port\", 'it''s @@port', '\\\\', x",
        "SELECT 1 -- @@port\n, 2 # @@port\n, 3 /* @@port */",
        "SELECT `@@port`, @port, @@portly, @@report",
        "SELECT my.aurora_version(), aurora_version(1), aurora_version",
        "SELECT x.information_schema.replica_host_status, replica_host_status FROM information_schema.tables",
        "SELECT 'Stra\u00dfe', stra\u00dfe @@x",
        "SELECT ')', (((, @@y",
        "SELECT 'never closed @@port",
        "SELECT /* never closed @@port",
        "/* a */ CREATE VIEW v AS SELECT @@port",
        "CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY INVOKER VIEW v AS SELECT @@port",
        "ALTER DEFINER = CURRENT_USER VIEW `table` AS SELECT 1 FROM information_schema.replica_host_status",
        "CREATE PROCEDURE p() BEGIN CREATE TABLE t AS SELECT @@port; END",
        "CREATE FUNCTION IF NOT EXISTS f() RETURNS TEXT RETURN aurora_version()",
        "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = @@port",
        "alter event e do set @a = @@port",
        "SHOW TABLES",
        "SHOW VARIABLES LIKE 'sql_mode'",
        "SHOW VARIABLES LIKE 'aurora\\_versio'",
        "SHOW STATUS LIKE 'Ssl%'",
        "",
    ],
)
def test_everything_else_stays_as_it_is(asked: str) -> None:
    assert AURORA(asked.encode()).decode() == asked


@pytest.mark.parametrize(
    ("asked", "condition"),
    [
        ("SHOW VARIABLES LIKE 'aurora_version'", " WHERE Variable_name LIKE 'aurora_version'"),
        ("/* a */ show session variables like 'AURORA\\_%';", " WHERE Variable_name LIKE 'AURORA\\_%'"),
        ("SHOW VARIABLES LIKE '%'", " WHERE Variable_name LIKE '%'"),
        ("SHOW VARIABLES WHERE Value > 1 OR Value < 0", " WHERE (Value > 1 OR Value < 0)"),
        ("SHOW VARIABLES WHERE(Value > 1) ; -- those", " WHERE ((Value > 1))"),
        ("SHOW/**/VARIABLES # all\nLIKE/* is */'port' -- x", " WHERE Variable_name LIKE 'port'"),
        ("-- a\nSHOW VARIABLES LIKE 'port' /* x */ ; # y", " WHERE Variable_name LIKE 'port'"),
        ("SHOW VARIABLES", ""),
    ],
)
def test_variables_are_shown_with_those_of_the_instance(asked: str, condition: str) -> None:
    sent = AURORA(asked.encode()).decode()
    assert sent.startswith("SELECT Variable_name, Value FROM (SELECT VARIABLE_NAME AS Variable_name")
    assert "FROM performance_schema.session_variables WHERE VARIABLE_NAME NOT IN ('aurora_server_id', " in sent
    assert "UNION ALL SELECT 'innodb_read_only', IF(@@global.read_only, 'ON', 'OFF')" in sent
    assert sent.endswith(f") AS variables{condition} ORDER BY Variable_name")


@pytest.mark.parametrize(
    "pieces",
    [
        (b"/* */ ", b"SHOW TABLES"),
        (b"# #", b"SHOW TABLES"),
        (b"-- -- ", b"\nSHOW TABLES"),
        (b"/*", b"*/ SHOW VARIABLES LIKE 'port' x"),
        (b" \n", b"SHOW VARIABLES WHERE x"),
        (b"/* SHOW VARIABLES */", b"SHOW VARIABLES LIKE 'port'" + 1000 * b" " + b";" + 1000 * b" " + b"x"),
    ],
)
def test_no_statement_takes_long(pieces: tuple[bytes, bytes]) -> None:
    comments, statement = pieces
    asked = 2000 * comments + statement
    assert (AURORA(asked) == asked) == (b"WHERE" not in statement)


def test_a_statement_that_only_has_the_word_show_in_it_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "tokens", lambda _: pytest.fail("was taken apart"))
    for asked in (b"INSERT INTO t VALUES ('show me')", b"SHOW TABLES", b"SHOW VARIABLES LIKE 'sql_mode'"):
        assert AURORA(asked) == asked
        assert RDS(asked) == asked


def test_global_variables_are_shown_by_their_global_values() -> None:
    assert b"FROM performance_schema.global_variables" in AURORA(b"SHOW GLOBAL VARIABLES LIKE 'port'")


def test_an_rds_instance_knows_nothing_of_aurora() -> None:
    assert RDS(b"SELECT @@version_comment LIMIT 1") == b"SELECT 'Source distribution' AS `@@version_comment` LIMIT 1"
    assert RDS(b"SHOW VARIABLES LIKE 'aurora_version'") == b"SHOW VARIABLES LIKE 'aurora_version'"
    assert RDS(b"SELECT @@aurora_server_id") == b"SELECT @@aurora_server_id"


def test_a_value_is_quoted() -> None:
    rewrite = Rewriter(MysqlFace.aurora("o'ne\\", "3", "a.b"))
    assert rewrite(b"SELECT @@aurora_server_id a") == rb"SELECT 'o''ne\\' a"
