"""Names, settings and generated files of a local cluster: values, no servers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from aws_advanced_python_wrapper.local import LocalCluster, LocalClusterError, conninfo
from aws_advanced_python_wrapper.local.names.naming import Names, check_host, random_hash
from aws_advanced_python_wrapper.local.postgresql import configuration
from aws_advanced_python_wrapper.local.postgresql.configuration import Source
from aws_advanced_python_wrapper.local.postgresql.sql_surface import identifier, literal
from aws_advanced_python_wrapper.local.settings import Delays, Settings
from aws_advanced_python_wrapper.local.supervisor import addresses

NAMES = Names("demo", "c1x2y3z4abcd", "us-east-2")
NASTY = ["plain", "two words", "it's", 'a "quoted" one', "back\\slash", "\\'", "ümlaut", "a=b"]


def test_names_have_the_forms_of_aurora() -> None:
    domain = "c1x2y3z4abcd.us-east-2.rds.amazonaws.com"
    assert NAMES.writer == f"demo.cluster-{domain}"
    assert NAMES.reader == f"demo.cluster-ro-{domain}"
    assert NAMES.custom("reports") == f"reports.cluster-custom-{domain}"
    assert NAMES.any_custom == f"*.cluster-custom-{domain}"
    assert NAMES.instance(NAMES.instance_name(1)) == f"demo-instance-1.{domain}"


def test_an_instance_that_stands_alone_has_one_name() -> None:
    names = Names("demo", "c1x2y3z4abcd", "us-east-2", is_cluster=False)
    assert names.writer == names.reader == names.instance(names.instance_name(1)) == f"demo.{names.domain}"


@pytest.mark.parametrize(("deployment", "size"), [("aurora", 3), ("multi-az", 3), ("rds", 1), ("plain", 3)])
def test_each_deployment_has_its_size(deployment: str, size: int) -> None:
    assert Settings.from_keywords({"deployment": deployment}).instances == size


@pytest.mark.parametrize("name", ["", "db", "db..example.com", "-db.example.com", "Db.example.com", "a." * 130 + "com"])
def test_impossible_aliases_are_refused(name: str) -> None:
    with pytest.raises(LocalClusterError, match="is not possible"):
        check_host(name)


def test_hashes_look_like_those_of_aws() -> None:
    assert re.fullmatch(r"c[a-z0-9]{11}", random_hash())
    assert random_hash() != random_hash()


@pytest.mark.parametrize("name", ["", "Demo", "1st", "a_b", "end-", "a" * 64, "a.b"])
def test_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(LocalClusterError, match="is not possible"):
        Names(name, "c1x2y3z4abcd", "us-east-2")
    with pytest.raises(LocalClusterError, match="is not possible"):
        NAMES.custom(name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"instances": 0}, "1 to 15"),
        ({"instances": 16}, "1 to 15"),
        ({"engine": "oracle"}, "engine='oracle': choose postgresql, mysql"),
        ({"mysql_bin": "/usr/sbin/mysqld"}, "mysql_bin goes with engine='mysql'"),
        ({"engine": "mysql", "postgres_version": 18}, "postgres_version goes with engine='postgresql'"),
        ({"engine": "mysql", "user": "root"}, "keeps this name"),
        ({"engine": "mysql", "database": "mysql"}, "keeps this name"),
        ({"engine": "mysql", "user": "u" * 33}, "32 characters at most"),
        ({"deployment": "serverless"}, "choose aurora, multi-az, rds, plain"),
        ({"deployment": "multi-az", "instances": 2}, "'multi-az' has 3, always"),
        ({"deployment": "rds", "instances": 3}, "'rds' has 1, always"),
        ({"tls": "maybe"}, "'allow', 'require' or 'off'"),
        ({"user": "postgres"}, "keeps this name"),
        ({"user": "pg_me"}, "keeps this name"),
        ({"password": "two\nlines"}, "printable"),
        ({"database": ""}, "not empty"),
        ({"instances": "3"}, "instances='3': a cluster has 1 to 15 instances"),
        ({"instances": 2.5}, "instances=2.5: a cluster has 1 to 15 instances"),
        ({"port": -1}, "port=-1: give a whole number from 1 up to 65535, or leave it out"),
        ({"port": "5432"}, "port='5432': give a whole number"),
        ({"domain_hash": "UPPER"}, "lower-case"),
        ({"region": "mars"}, "us-east-2"),
        ({"dns_delay": -1}, "dns_delay must be seconds"),
        ({"topology_delay": {"demo-instance-1": "soon"}}, "topology_delay must be seconds"),
        ({"instanzen": 3}, r"does not know \['instanzen'\]: there are .*instances"),
    ],
)
def test_wrong_settings_are_refused_when_they_are_given(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(LocalClusterError, match=message):
        LocalCluster(**wrong)


def test_settings_survive_their_journey_to_the_supervisor() -> None:
    settings = Settings(server_settings={"work_mem": "1MB"}, delays=Delays(topology_delay={"a": 1.5}))
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert settings.password not in repr(settings)


def test_delays_can_differ_by_instance() -> None:
    assert Delays(topology_delay=2.0).topology("any") == 2.0
    assert Delays(topology_delay={"slow": 3.0}).topology("slow") == 3.0
    assert Delays(topology_delay={"slow": 3.0}).topology("fast") == 0.0


def test_a_cluster_that_is_not_up_says_so() -> None:
    cluster = LocalCluster()
    for ask in (lambda: cluster.port, lambda: cluster.instances, cluster.failover):
        with pytest.raises(LocalClusterError, match="context manager"):
            ask()
    assert cluster.writer_endpoint.startswith("demo.cluster-c")
    cluster.stop()


@pytest.mark.parametrize("value", NASTY)
def test_connection_strings_are_quoted_for_libpq(value: str) -> None:
    made = conninfo.make({"user": value, "password": None, "port": 5})
    assert conninfo_to_dict(made) == {"user": value, "port": "5"}


@pytest.mark.parametrize("value", NASTY)
def test_sql_is_quoted(value: str) -> None:
    assert identifier(value) == psycopg.sql.Identifier(value).as_string(None)
    assert literal(value).startswith(" E'")


@pytest.mark.parametrize("value", NASTY)
def test_a_path_survives_two_layers_of_quoting(value: str) -> None:
    source = Source("127.1.2.3", 5432, Path("/tmp") / value / "passfile")  # noqa: S108
    text = configuration.replication("me", source, ())
    setting = re.fullmatch(r"primary_conninfo = '(.*)'\nsynchronous_standby_names = ''\n", text)
    assert setting is not None
    # The server's own reading of a quoted setting: a doubled quote is a quote, a backslash takes the next letter.
    unquoted = re.sub(r"''|\\(.)", lambda found: found.group(1) or "'", setting.group(1))
    parsed = conninfo_to_dict(unquoted)
    assert parsed["passfile"] == str(source.passfile)
    assert parsed["application_name"] == "me"


def test_the_standbys_that_confirm_a_commit_are_named() -> None:
    assert '\'ANY 1 ("demo-2", "demo-3")\'' in configuration.replication("demo-1", None, ["demo-2", "demo-3"])


def test_own_settings_win() -> None:
    text = configuration.server("127.1.2.3", 5432, 50, {"shared_buffers": "64MB"})
    assert "shared_buffers = '64MB'" in text
    assert text.endswith("include 'replication.conf'\n")


def test_addresses_are_free_and_on_loopback() -> None:
    network = addresses.choose(None)
    assert re.fullmatch(r"127\.\d+\.\d+\.7", network.address(7))
    assert network.port != network.private_port
    assert addresses.choose(23456).port == 23456
