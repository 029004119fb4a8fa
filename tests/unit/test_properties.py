from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from typing import Any

import psycopg
import pytest

from aws_advanced_python_wrapper.converters import KEYWORD_ONLY, TRUTH, WHOLE_NUMBER, Parameter
from aws_advanced_python_wrapper.driver.psycopg import connection_arguments
from aws_advanced_python_wrapper.errors import AwsWrapperError
from aws_advanced_python_wrapper.parameters.catalogue import PARAMETERS, PURPOSES, TOPOLOGY_MONITORING
from aws_advanced_python_wrapper.parameters.database import WRAPPER_DIALECT
from aws_advanced_python_wrapper.parameters.failover import FAILOVER_MODE, FAILOVER_TIMEOUT_SEC
from aws_advanced_python_wrapper.parameters.host_selection import READER_HOST_SELECTOR_STRATEGY
from aws_advanced_python_wrapper.parameters.later import PARAMETERS_TO_COME, PURPOSES_TO_COME
from aws_advanced_python_wrapper.parameters.network import CONNECT_TIMEOUT
from aws_advanced_python_wrapper.parameters.plugins import PLUGINS
from aws_advanced_python_wrapper.properties import Settings

PSYCOPG = {
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "connect_timeout",
    "application_name",
    "sslpassword",
    "autocommit",
    "prepare_threshold",
    "row_factory",
}
MYSQL = {
    "host",
    "port",
    "user",
    "password",
    "database",
    "db",
    "use_pure",
    "pool_size",
    "converter_class",
    "password2",
    "username",
    "passwd",
}
OF_MYSQL: Any = {
    "use_pure": Parameter("use_pure", TRUTH, False, "driver", "Whether it is all Python."),
    "pool_size": Parameter("pool_size", WHOLE_NUMBER, 5, "driver", "How many there are."),
    "converter_class": Parameter("converter_class", KEYWORD_ONLY, None, "driver", "A class."),
}


def settings(conninfo: str = "", driver: Any = PSYCOPG, **arguments: Any) -> Settings:
    return Settings.from_arguments(conninfo, arguments, driver, connection_arguments.TYPED)


def mysql_settings(conninfo: str = "", **arguments: Any) -> Settings:
    return Settings.from_arguments(conninfo, arguments, MYSQL, OF_MYSQL)


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=lambda parameter: parameter.name)
def test_every_parameter_is_documented_and_its_default_is_allowed(parameter: Any) -> None:
    assert parameter.doc.endswith(".")
    assert parameter.area
    assert settings()[parameter] == parameter.default
    if parameter.default is not None:
        assert parameter.read(parameter.default) == parameter.default
    if parameter.name.endswith("_ms"):
        assert parameter.unit == "milliseconds"
    if parameter.name.endswith("_sec"):
        assert parameter.unit == "seconds"


def test_the_users_values_are_sorted_by_who_needs_them() -> None:
    given = settings(
        "host=db port=5433 failover_timeout_sec=60 application_name=x",
        autocommit=True,
        plugins="failover,efm",
        **{"topology-monitoring-connect_timeout": "3", "topology-monitoring-application_name": "watch"},
    )
    assert given.driver == {"host": "db", "port": 5433, "application_name": "x", "autocommit": True}
    monitoring = given.for_monitoring("topology-monitoring-", without=("autocommit",)).driver
    assert monitoring == {"host": "db", "port": 5433, "connect_timeout": 3, "application_name": "watch"}
    assert given[FAILOVER_TIMEOUT_SEC] == 60.0
    assert given[PLUGINS] == ("failover", "efm")


def test_each_purpose_has_settings_of_its_own() -> None:
    given = settings("user=u topology-monitoring-user=t monitoring-user=m", **{"monitoring-password": "p"})
    assert given.driver == {"user": "u"}
    assert given.for_monitoring("topology-monitoring-", without=()).driver == {"user": "t"}
    assert given.for_monitoring("monitoring-", without=()).driver == {"user": "m", "password": "p"}
    assert "p'" not in repr(given)


@pytest.mark.parametrize(
    ("conninfo", "arguments", "driver"),
    [
        ("host=a user=u", {"host": "b"}, {"host": "b", "user": "u"}),
        ("host=a", {"host": None}, {"host": "a"}),
        ("host=a dbname=x", {"database": "y"}, {"host": "a", "dbname": "y"}),
        ("", {"database": "y"}, {"dbname": "y"}),
        ("", {"database": "y", "dbname": "y"}, {"dbname": "y"}),
        ("port=''", {}, {}),
        ("port=1", {"port": "2"}, {"port": 2}),
        ("postgresql://u:p%40w@db:5433/app", {}, {
            "user": "u", "password": "p@w", "host": "db", "port": 5433, "dbname": "app"}),
        ("", {"connect_timeout": "7"}, {"connect_timeout": 7}),
    ],
)  # fmt: skip
def test_keywords_override_the_string(conninfo: str, arguments: dict[str, Any], driver: dict[str, Any]) -> None:
    assert settings(conninfo, **arguments).driver == driver


@pytest.mark.parametrize(
    ("names", "its_own"),
    [({"dbname"}, "dbname"), (MYSQL, "database"), ({"db"}, "db"), (set(), "dbname")],
    ids=["psycopg", "connector", "aiomysql", "unknown"],
)
@pytest.mark.parametrize("written", ["dbname", "database", "db"])
def test_the_database_is_given_in_the_drivers_own_word(written: str, names: set[str], its_own: str) -> None:
    assert settings(f"{written}=x", names).driver == {its_own: "x"}
    assert settings("mysql://h/x", names, **{written: "x"}).driver == {"host": "h", its_own: "x"}
    watching: Any = {f"monitoring-{written}": "x"}
    assert settings("", names, **watching).for_monitoring("monitoring-", without=()).driver == {its_own: "x"}


@pytest.mark.parametrize(("text", "meant"), [("False", False), ("no", False), ("True", True), ("1", True)])
def test_what_the_driver_takes_in_a_type_of_its_own_may_be_given_as_text(text: str, meant: bool) -> None:
    expected = {"use_pure": meant, "pool_size": 3}
    assert mysql_settings(f"use_pure={text} pool_size=3").driver == expected
    assert mysql_settings(f"mysql://?use_pure={text}&pool_size=3").driver == expected
    assert mysql_settings(use_pure=text, pool_size="3").driver == expected
    watching: Any = {"monitoring-use_pure": text, "topology-monitoring-pool_size": "3"}
    assert mysql_settings(**watching).for_monitoring("monitoring-", without=()).driver == {"use_pure": meant}


def test_objects_for_the_driver_pass_as_they_are() -> None:
    given: Any = {"use_pure": None, "converter_class": dict, "pool_size": 3.0}
    assert mysql_settings(**given).driver == {"converter_class": dict, "pool_size": 3.0}


@pytest.mark.parametrize(
    ("conninfo", "message"),
    [
        ("use_pure=perhaps", "Parameter use_pure: 'perhaps' is not accepted, give true or false"),
        ("mysql://h?pool_size=many", "Parameter pool_size: 'many' is not accepted, give a whole number"),
        ("converter_class=dict", "Parameter converter_class: 'dict' is not accepted, give an object, as a keyword"),
    ],
)
def test_text_that_is_none_of_the_drivers_values_is_refused(conninfo: str, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=re.escape(message)):
        mysql_settings(conninfo)


@pytest.mark.parametrize("given", [{"connect_timeout": "7"}, {"connection_timeout": 7}])
def test_both_words_for_the_time_to_connect_mean_the_same(given: dict[str, Any]) -> None:
    assert mysql_settings(**given)[CONNECT_TIMEOUT] == 7
    assert mysql_settings(**given).driver == {"connect_timeout": 7}


def test_host_port_and_user_can_be_asked_for() -> None:
    given = settings("postgresql://u@db:5433/app")
    assert (given.host, given.port, given.user) == ("db", 5433, "u")
    assert (settings().port, settings().user) == (None, None)


@pytest.mark.parametrize("conninfo", ["", "host=''", "user=x"])
def test_a_missing_host_is_told_when_it_is_needed(conninfo: str) -> None:
    given = settings(conninfo)
    with pytest.raises(AwsWrapperError, match="give host="):
        _ = given.host


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"plugin": "x"}, "Unknown connection parameter 'plugin', did you mean 'plugins'?"),
        ({"failover_timeout_ms": 1}, "did you mean 'failover_timeout_sec'?"),
        ({"aplication_name": "x"}, "did you mean 'application_name'?"),
        ({"hots": "x"}, "did you mean 'host'?"),
        ({"qqqqq": "x"}, "Unknown connection parameter 'qqqqq'."),
        ({"topology-monitoring-conect_timeout": 1}, "-conect_timeout', did you mean 'connect_timeout'?"),
        ({"monitoring-conect_timeout": 1}, "'monitoring-conect_timeout', did you mean 'connect_timeout'?"),
        ({"monitoring-plugins": "failover"}, "Parameter monitoring-plugins: background connections heed no plugins"),
        ({"topology-monitoring-failover_mode": "strict_writer"}, "heed no failover_mode, leave it out"),
        ({"failure_detection_interval_ms": 0}, "a whole number of milliseconds from 1"),
        ({"failure_detection_count": 0}, "a whole number from 1"),
        ({"failure_detection_time_ms": -1}, "a whole number of milliseconds from 0"),
        ({"topology-monitoring-connect_timeout": "x"}, "Parameter topology-monitoring-connect_timeout: 'x'"),
        ({"port": "x"}, "Parameter port: 'x' is not accepted, give a whole number from 1 up to 65535."),
        ({"port": 0}, "Parameter port: 0"),
        ({"port": "1,2"}, "Parameter port: '1,2'"),
        ({"host": ["a"]}, "Parameter host: ['a'] is not accepted, give one host name or address as text."),
        ({"autocommit": "perhaps"}, "Parameter autocommit: 'perhaps' is not accepted, give true or false"),
        ({"prepare_threshold": "often"}, "Parameter prepare_threshold: 'often' is not accepted, give a whole number"),
        ({"row_factory": "dict_row"}, "Parameter row_factory: 'dict_row' is not accepted, give an object, as a"),
        ({"tcp_keepalive_time": 32768}, "a whole number of seconds from 1 up to 32767"),
        ({"tcp_keepalive_interval": 32768}, "a whole number of seconds from 1 up to 32767"),
        ({"tcp_keepalive_probes": 128}, "a whole number from 1 up to 127"),
        ({"host": "a,b"}, "learns the other hosts from the cluster"),
        ({"auxiliary_query_timeout_sec": -1}, "a number of seconds above 0"),
        ({"topology_refresh_ms": 0}, "a whole number of milliseconds from 1"),
        ({"enable_failover": "maybe"}, "true or false"),
        ({"failover_mode": "writer"}, "one of strict_writer, strict_reader, reader_or_writer"),
        ({"dbname": "a", "database": "b"}, "Parameter database: another value"),
        ({"plugins": "a", "wrapperPlugins": "b"}, "Parameter wrapperPlugins: another value"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_once_and_teach(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsWrapperError, match=re.escape(message)):
        settings(**arguments)


@pytest.mark.parametrize(
    ("conninfo", "message"),
    [
        ("password=my s3cr3t=abc", "position 13: unknown connection parameter (a value with spaces in it has to"),
        ("host=db s3cr3t = abc s3cr3t=d", "position 9: unknown"),
        ("postgresql://u:p@db/app?user=u&s3cr3t=abc", "position 32: unknown connection parameter (write %26 for"),
        ("host=db pasword=s3cr3t", "stand in single quotes), did you mean 'password'?"),
        ("host=db topology-monitoring-s3cr3t=1", "position 9: unknown"),
        ("host=db qqqqq=s3cr3t", "position 9: unknown"),
    ],
)
def test_an_unknown_name_in_the_string_may_be_a_piece_of_a_password(conninfo: str, message: str) -> None:
    with pytest.raises(AwsWrapperError, match=re.escape(message)) as refused:
        settings(conninfo)
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("prefix", ["", TOPOLOGY_MONITORING])
@pytest.mark.parametrize("name", sorted(PARAMETERS_TO_COME))
def test_a_parameter_that_is_still_to_come_is_told_and_no_other_suggested(name: str, prefix: str) -> None:
    for given in ({"conninfo": f"{prefix}{name}=3"}, {f"{prefix}{name}": 3}):
        with pytest.raises(AwsWrapperError, match=f"^Parameter {prefix}{name} is not supported yet, as "):
            settings(**given)


def test_what_there_is_not_yet_may_be_switched_off() -> None:
    for given in ({"conninfo": "enable_telemetry=False"}, {"enable_telemetry": False}, {"enable_telemetry": "off"}):
        assert repr(settings(**given)) == "<Settings>"
    for value in (True, "True", "perhaps"):
        with pytest.raises(AwsWrapperError, match=r"^Parameter enable_telemetry is not supported yet, as telemetry is"):
            settings(enable_telemetry=value)


@pytest.mark.parametrize("prefix", PURPOSES_TO_COME)
def test_a_prefix_that_is_still_to_come_is_told(prefix: str) -> None:
    given: dict[str, Any] = {f"{prefix}connect_timeout": 3}
    with pytest.raises(AwsWrapperError, match=f"^Parameters that begin with {prefix} are not supported yet, as "):
        settings(**given)
    with pytest.raises(AwsWrapperError, match="are not supported yet") as refused:
        settings(f"{prefix}s3cr3t=3")
    assert "s3cr3t" not in str(refused.value)


def test_no_string_at_all_is_an_empty_one() -> None:
    assert Settings.from_arguments(None, {"host": "db"}, PSYCOPG).driver == {"host": "db"}


def test_no_parameter_is_both_there_and_still_to_come() -> None:
    assert not set(PARAMETERS) & set(PARAMETERS_TO_COME)


@pytest.mark.parametrize("conninfo", [5432, b"host=db", {"host": "db", "password": "s3cr3t"}])
def test_a_connection_string_of_another_type_is_refused(conninfo: Any) -> None:
    kind = type(conninfo).__name__
    with pytest.raises(AwsWrapperError, match=f"^conninfo has to be text, .* not of type {kind}\\.") as refused:
        settings(conninfo)
    assert "s3cr3t" not in str(refused.value)


def test_other_spellings_mean_the_same_parameter() -> None:
    given = settings("wrapperPlugins=''", dialect="aurora-pg", failover_mode="Strict-Reader")
    assert settings("postgresql://db/app?wrapper_plugins=failover")[PLUGINS] == ("failover",)
    assert settings("reader_response_strategy=round_robin")[READER_HOST_SELECTOR_STRATEGY] == "round_robin"
    assert given[PLUGINS] == ()
    assert given[WRAPPER_DIALECT] == "aurora-pg"
    assert given[FAILOVER_MODE] == "strict_reader"


def test_the_connectors_other_spellings_are_the_user_and_the_password() -> None:
    given = mysql_settings(host="db", username="jane", passwd="s3cr3t")
    assert given.user == "jane"
    assert given.driver == {"host": "db", "user": "jane", "password": "s3cr3t"}
    with pytest.raises(AwsWrapperError, match="another spelling of the same name") as refused:
        mysql_settings(host="db", password="other", passwd="s3cr3t")
    assert "s3cr3t" not in str(refused.value)
    with pytest.raises(AwsWrapperError, match="Unknown connection parameter 'username'"):
        settings("host=db", username="jane")


@pytest.mark.parametrize(
    "parameter", [p for p in PARAMETERS.values() if p.converter.read is TRUTH.read], ids=lambda p: p.name
)
def test_true_and_false_are_understood_in_all_usual_spellings(parameter: Any) -> None:
    all_spellings: dict[bool, list[Any]] = {
        True: [True, 1, "True", "true", "TRUE", "t", "yes", "Y", "on", "1"],
        False: [False, 0, "False", "false", "FALSE", "f", "no", "N", "off", "0"],
    }
    for truth, spellings in all_spellings.items():
        for spelling in spellings:
            assert settings(**{parameter.name: spelling})[parameter] is truth
            assert settings(f"{parameter.name}={spelling}")[parameter] is truth
            assert settings(f"postgresql://db/app?{parameter.name}={spelling}")[parameter] is truth


BELOW_0_IS_A_YEAR = ("secrets_manager_expiration",)
TIMES = [p for p in PARAMETERS.values() if p.unit and p.name not in BELOW_0_IS_A_YEAR]


@pytest.mark.parametrize("parameter", TIMES, ids=lambda p: p.name)
def test_no_time_may_be_negative(parameter: Any) -> None:
    negatives: list[Any] = [-1, "-1"]
    for negative in negatives:
        with pytest.raises(AwsWrapperError, match=f"Parameter {parameter.name}: .* is not accepted"):
            settings(**{parameter.name: negative})


@pytest.mark.parametrize("purpose", PURPOSES)
def test_nothing_with_the_prefix_of_a_purpose_reaches_the_database_driver(purpose: str) -> None:
    given: dict[str, Any] = {f"{purpose}connect_timeout": 3, f"{purpose}user": "watch", f"{purpose}tcp_keepalive": True}
    assert settings("host=db user=u", **given).driver == {"host": "db", "user": "u"}
    assert settings(" ".join(f"{name}={value}" for name, value in given.items())).driver == {}


@pytest.mark.parametrize(("text", "meant"), [("false", False), ("off", False), ("True", True), ("1", True)])
def test_the_drivers_autocommit_may_be_given_as_text(text: str, meant: bool) -> None:
    for given in (
        settings(f"autocommit={text}"),
        settings(f"postgresql:///?autocommit={text}"),
        settings(autocommit=text),
    ):
        assert given.driver == {"autocommit": meant}


def test_the_drivers_prepare_threshold_may_be_given_as_text() -> None:
    assert settings("prepare_threshold=3").driver == {"prepare_threshold": 3}


def test_the_repr_shows_no_secret() -> None:
    assert "hush" not in repr(mysql_settings(password="hush1", password2="hush2"))
    secrets = {"password": "hush1", "sslpassword": "hush2", "topology-monitoring-password": "hush3"}
    shown = repr(settings("host=db", plugins="", **secrets))
    assert "hush" not in shown
    assert shown == ("<Settings host='db' password=*** sslpassword=*** plugins=() topology-monitoring-password=***>")


@pytest.mark.parametrize(
    "name",
    sorted(
        {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.dispchar == b"*"}
        | {"scram_client_key", "scram_server_key"}
    ),
)
def test_the_repr_shows_nothing_that_libpq_holds_for_a_secret(name: str) -> None:
    given = settings("", {name}, **{name: "hush", f"topology-monitoring-{name}": "hush"})
    assert repr(given) == f"<Settings {name}=*** topology-monitoring-{name}=***>"


def test_settings_do_not_change() -> None:
    given = settings("host=a port=1 application_name=x")
    changed = given.with_driver(host="b", application_name=None)
    assert changed.driver == {"host": "b", "port": 1}
    given.driver["host"] = "c"
    assert given.host == "a"
    assert given.driver["application_name"] == "x"
    with pytest.raises(FrozenInstanceError):
        given._driver = {}  # type: ignore[misc]
