from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from aws_advanced_python_wrapper.conninfo import engine_of, parse, refuse_several_endpoints
from aws_advanced_python_wrapper.errors import AwsWrapperError

SAME_AS_LIBPQ = [
    "",
    "   ",
    "host=db",
    "host=db port=5432 user=me password=secret dbname=app",
    "  host = db   port =5432\tuser= me\n",
    "host=''",
    "host='' user=me",
    "user= host=db",
    "password='two words'",
    r"password='it\'s'",
    r"password='back\\slash'",
    r"password=it\'s",
    r"password=two\ words",
    r"password=a\\b",
    "password=it's",
    "password=a=b",
    "password='a=b' host='db'port=1",
    "password=x\\",
    "host=/var/run/postgresql",
    "host=::1",
    "password=pässwörd",
    "options='-c search_path=a,b'",
    "user=a user=b",
    "postgresql://",
    "postgres://",
    "postgresql://db",
    "postgresql://db/",
    "postgresql://db/app",
    "postgresql://db:5433/app",
    "postgresql://db:/app",
    "postgresql://me@db",
    "postgresql://me:@db",
    "postgresql://:secret@db",
    "postgresql://@db",
    "postgres://me:secret@db:5433/app?connect_timeout=10&application_name=x",
    "postgresql://me:s%40c%2Fr%3Aet%25@db/app",
    "postgresql://m%C3%A9:p%C3%A4ss@db/d%C3%A4ta",
    "postgresql://mé:päss@db/däta",
    "postgresql://me:a%26b%20c@db",
    "postgresql://me:a:b@db",
    "postgresql://me:a?b@db",
    "postgresql://me:a+b@db",
    "postgresql://[::1]",
    "postgresql://me@[2001:db8::1]:5433/app",
    "postgresql://[fe80::1]?user=me",
    "postgresql://%2Fvar%2Frun%2Fpostgresql/app",
    "postgresql:///app?host=/var/run/postgresql",
    "postgresql:///app?host=%2Fvar%2Frun&port=5433",
    "postgresql://db?user=me&password=a%26b",
    "postgresql://db?application%5Fname=x%20y",
    "postgresql://db/app?",
    "postgresql://db?application_name=",
    "postgresql://db?application_name=a/b:c@d?e",
    "postgresql://db?ssl=true",
    "postgresql://db/a:b@c",
    "postgresql://db/app?user=a&",
    "postgresql:///",
    "postgresql://:5433/app",
]


@pytest.mark.parametrize("conninfo", SAME_AS_LIBPQ)
def test_a_string_means_what_libpq_takes_it_for(conninfo: str) -> None:
    assert parse(conninfo) == conninfo_to_dict(conninfo)


MALFORMED = {
    "host": "'=' after the word that begins at position 1",
    "host=db secret word=1": "position 16: expected '=' after the word that begins at position 9",
    "=db": "position 1: expected the name",
    "password='secret": "closes the one at position 10",
    r"password='secret\'": "closes the one at position 10",
    "postgresql://me:secret%4@db": "position 23: expected two hexadecimal digits",
    "postgresql://me:secret%zz@db": "position 23: expected two hexadecimal digits",
    "postgresql://me:secret%00@db": "other than 00",
    "postgresql://me:secret@[::1": "position 24: expected an IPv6 address",
    "postgresql://[]": "position 14: expected an IPv6 address",
    "postgresql://[::1]x": "position 19: expected ':', '/'",
    "postgresql://db?secret": "expected name=value",
    "postgresql://db?=secret": "expected name=value",
    "postgresql://db?a=secret=x": "'&' or the end",
}


@pytest.mark.parametrize(("conninfo", "message"), MALFORMED.items())
def test_a_malformed_string_is_refused_as_by_libpq_and_nothing_of_it_is_shown(conninfo: str, message: str) -> None:
    with pytest.raises(psycopg.ProgrammingError):
        conninfo_to_dict(conninfo)
    with pytest.raises(AwsWrapperError) as refused:
        parse(conninfo)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("conninfo", "message"),
    [
        ("postgresql://me:sec@ret@db/app", "write %40 for an '@'"),
        ("postgresql://me:sec/ret@db/app", "a port number"),
        ("postgresql://db:٣", "a port number"),
        ("mariadb://me:secret@db", "postgresql:// or postgres:// or mysql://"),
        ("mysql+aiomysql://me:secret@db", "mysql://, without the name of a driver"),
        ("postgresql+psycopg://me:secret@db", "postgresql:// or postgres:// or mysql://"),
        ("mysql://me:sec@ret@db/app", "write %40 for an '@'"),
        ("postgresql://me:%ff@db", "UTF-8"),
    ],
)
def test_likely_mistakes_are_told_although_libpq_lets_some_of_them_pass(conninfo: str, message: str) -> None:
    with pytest.raises(AwsWrapperError) as refused:
        parse(conninfo)
    assert message in str(refused.value)
    assert not {"sec", "ret"} & set(str(refused.value).split())


@pytest.mark.parametrize(
    "conninfo",
    [
        "host=a,b",
        "host='a, b'",
        "host=a port=1,2",
        "hostaddr=10.0.0.1,10.0.0.2",
        "postgresql://a,b/app",
        "postgresql://a:1,b:2/app",
        "postgresql://a%2Cb/app",
        "postgresql://[::1],[::2]/app",
        "postgresql:///app?host=a,b",
    ],
)
def test_several_endpoints_are_refused_because_the_cluster_names_them(conninfo: str) -> None:
    with pytest.raises(AwsWrapperError, match="learns the other hosts from the cluster"):
        parse(conninfo)


@pytest.mark.parametrize("conninfo", [text for text in SAME_AS_LIBPQ if "://" in text and "ssl" not in text])
def test_a_url_for_mysql_is_read_alike(conninfo: str) -> None:
    assert parse(f"mysql://{conninfo.partition('://')[2]}") == parse(conninfo)


def test_what_libpq_reads_into_ssl_is_not_read_into_a_url_for_mysql() -> None:
    assert parse("mysql://db/app?ssl=true&ssl_ca=/ca.pem") == {
        "host": "db",
        "dbname": "app",
        "ssl": "true",
        "ssl_ca": "/ca.pem",
    }


@pytest.mark.parametrize(
    ("conninfo", "engine"),
    [
        ("postgresql://db", "postgresql"),
        ("postgres://db", "postgresql"),
        ("mysql://db", "mysql"),
        ("mariadb://db", None),
        ("host=mysql://db", None),
        ("", None),
        (None, None),
    ],
)
def test_a_url_tells_the_database(conninfo: str | None, engine: str | None) -> None:
    assert engine_of(conninfo) == engine


def test_one_endpoint_is_not_refused() -> None:
    refuse_several_endpoints({"host": "a", "port": 5432, "options": "x,y", "hostaddr": None})


def test_the_two_forms_that_the_documentation_shows_say_the_same() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "connection-strings.md").read_text()
    pairs, url = page.partition("```text\n")[2].partition("```")[0].splitlines()
    assert parse(pairs) == parse(url)
    assert parse(url)["password"] == "it's a secret"
