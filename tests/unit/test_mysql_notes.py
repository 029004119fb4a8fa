"""What statements tell about a MySQL session, and what leads from one session's state to another's."""

from __future__ import annotations

import pytest

from aws_advanced_python_wrapper.driver.mysql.notes import SessionNotes, may_tell
from aws_advanced_python_wrapper.driver.mysql.remembering import isolation_statement

NOTHING = SessionNotes()


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("USE app", "app"),
        ("use app;", "app"),
        ("\n  USE `a``b c` ; ", "a`b c"),
        ("/* of web */ USE app -- for now", "app"),
        ("USE `a # b`", "a # b"),
        ("USE a b", None),
        ("USER", None),
        ("INSERT INTO t VALUES ('USE app')", None),
    ],
)
def test_a_statement_tells_which_database_is_in_use(statement: str, name: str | None) -> None:
    assert NOTHING.after(statement).database == name


@pytest.mark.parametrize(
    ("statement", "variables"),
    [
        ("SET time_zone = '+02:00'", {"time_zone": "'+02:00'"}),
        ("SET @@session.time_zone = 'UTC'", {"time_zone": "'UTC'"}),
        ('set local sql_mode := "ANSI", time_zone=SYSTEM;', {"sql_mode": "'ANSI'", "time_zone": "SYSTEM"}),
        ("SET SESSION TRANSACTION READ ONLY", {"transaction_read_only": "1"}),
        (
            "SET SESSION TRANSACTION\n  ISOLATION LEVEL  read committed, READ WRITE",
            {"transaction_isolation": "'READ-COMMITTED'", "transaction_read_only": "0"},
        ),
        ("SET SESSION transaction_isolation='SERIALIZABLE'", {"transaction_isolation": "'SERIALIZABLE'"}),
        ("SET `sql_mode` = ''", {"sql_mode": "''"}),
        ("SET wait_timeout = 100, time_zone = 'UTC'", {"time_zone": "'UTC'"}),
        ("/*x*/ -- y\n# z\nSET SESSION TRANSACTION READ WRITE", {"transaction_read_only": "0"}),
        ("SET time_zone = 'UTC'; /* it */ # is", {"time_zone": "'UTC'"}),
        ("SET time_zone = 'UTC' --", {"time_zone": "'UTC'"}),
    ],
)
def test_a_statement_tells_what_is_set_for_the_session(statement: str, variables: dict[str, str]) -> None:
    assert NOTHING.after(statement).variables == variables


@pytest.mark.parametrize(
    "statement",
    [
        "SET TRANSACTION READ ONLY",
        "SET @@transaction_isolation = 'SERIALIZABLE'",
        "SET GLOBAL time_zone = 'UTC'",
        "SET @@GLOBAL.time_zone = 'UTC'",
        "SET GLOBAL TRANSACTION READ ONLY",
        "SET PERSIST sql_mode = ''",
        "SET @time_zone = 'UTC'",
        "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')",
        "SET time_zone = 'it''s'",
        r"SET time_zone = 'a\'b'",
        "SET autocommit = 1",
        "SET NAMES latin1",
        "SELECT 'SET time_zone = 1'",
    ],
)
def test_what_is_not_set_for_the_session_or_not_plainly_tells_nothing(statement: str) -> None:
    assert NOTHING.after(statement) is NOTHING


@pytest.mark.parametrize(
    ("statement", "forgotten"),
    [
        ("SET sql_mode = @old", {"sql_mode"}),
        ("SET @old = @@sql_mode, SESSION sql_mode = (SELECT 1), @@session.time_zone = @tz", {"sql_mode", "time_zone"}),
        ("set /* what */ session transaction read write", {"transaction_isolation", "transaction_read_only"}),
        ("SET SESSION TRANSACTION READ /**/ WRITE", {"transaction_isolation", "transaction_read_only"}),
        ("SET transaction_isolation = @level", {"transaction_isolation"}),
        ("SET @@transaction_isolation = @level", set()),
        ("SET GLOBAL sql_mode = @old", set()),
        ("SET PERSIST time_zone = @old", set()),
        ("SET @sql_mode = @old", set()),
        ("SET TRANSACTION READ ONLY", set()),
        ("SET @a = 'it''s'", set()),
    ],
)
def test_what_was_set_before_is_forgotten_where_it_is_not_understood_what_it_is_set_to(
    statement: str, forgotten: set[str]
) -> None:
    notes = NOTHING.after("SET SESSION TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE")
    notes = notes.after("SET sql_mode = 'ANSI', time_zone = 'UTC'")
    assert notes.variables.keys() - notes.after(statement).variables.keys() == forgotten


@pytest.mark.parametrize("end", ["-- x", "x'", "!"])
@pytest.mark.parametrize("begin", ["SET SESSION TRANSACTION READ ONLY", "SET", "SET sql_mode", "SET SESSION", "USE a"])
def test_reading_ends_in_spite_of_many_blanks(begin: str, end: str) -> None:
    # Where time grows with the square of the length, this takes hours.
    NOTHING.after(begin + " " * 1_000_000 + end)


def test_a_default_is_as_if_nothing_had_been_set() -> None:
    notes = NOTHING.after("SET time_zone = 'UTC', sql_mode = ''").after("SET time_zone = DEFAULT")
    assert notes.variables == {"sql_mode": "''"}


@pytest.mark.parametrize(
    ("statement", "worth_reading"),
    [
        *(
            (statement, True)
            for statement in (
                "SET a = 1",
                "use b",
                b"Set c = 1",
                b"USE d",
                "\tUSE e",
                b"/**/SET g = 1",
                bytearray(b"SET f = 1"),
            )
        ),
        *(
            (statement, False)
            for statement in ("SELECT 1", b"INSERT", "", "us", "ROLLBACK", "CREATE TABLE t (i int)", " " * 10_000)
        ),
    ],
)
def test_most_statements_need_not_be_read(statement: str | bytes, worth_reading: bool) -> None:
    assert may_tell(statement) is worth_reading


def test_only_what_differs_is_sent_and_what_was_not_set_gets_its_default() -> None:
    present = SessionNotes(variables={"time_zone": "'UTC'", "sql_mode": "''", "transaction_read_only": "1"})
    wanted = SessionNotes(variables={"time_zone": "'UTC'", "sql_mode": "'ANSI'", "transaction_isolation": "'X'"})
    assert present.changes_to(wanted) == {
        "sql_mode": "'ANSI'",
        "transaction_isolation": "'X'",
        "transaction_read_only": "DEFAULT",
    }
    assert wanted.changes_to(wanted) == {}


@pytest.mark.parametrize(
    ("statement", "read_only"),
    [
        ("SET SESSION TRANSACTION READ ONLY", True),
        ("SET SESSION TRANSACTION READ WRITE", False),
        ("SET transaction_read_only = ON", True),
        ("SET SESSION transaction_read_only = DEFAULT", None),
    ],
)
def test_read_only_is_what_was_set(statement: str, read_only: bool | None) -> None:
    assert NOTHING.after(statement).read_only is read_only


@pytest.mark.parametrize("level", ["READ COMMITTED", "read-committed", "Read  Committed"])
def test_an_isolation_level_is_named_as_one_likes(level: str) -> None:
    statement = isolation_statement(level)
    assert statement == "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
    assert NOTHING.after(statement).isolation_level == "READ COMMITTED"


def test_no_isolation_level_is_the_servers() -> None:
    assert NOTHING.after(isolation_statement("SERIALIZABLE")).after(isolation_statement(None)).isolation_level is None


def test_a_level_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'SNAPSHOT', give one of READ UNCOMMITTED"):
        isolation_statement("SNAPSHOT")
