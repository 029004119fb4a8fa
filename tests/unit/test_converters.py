from __future__ import annotations

import math
from typing import Any

import pytest

from aws_advanced_python_wrapper import converters
from aws_advanced_python_wrapper.converters import Converter, Parameter, is_secret, suggest
from aws_advanced_python_wrapper.errors import AwsWrapperError

MODE = converters.choice("strict_writer", "strict_reader")


def parameter(converter: Converter[Any], **bounds: Any) -> Parameter[Any]:
    return Parameter("thing", converter, None, "tests", "A thing.", **bounds)


ACCEPTED: list[tuple[Converter[Any], Any, Any]] = [
    *[(converters.TRUTH, word, True) for word in ("true", "True", "TRUE", "yes", "on", "1", "t", "y", " Y ", True, 1)],
    *[(converters.TRUTH, word, False) for word in ("false", "False", "no", "OFF", "0", "f", "n", False, 0)],
    (converters.WHOLE_NUMBER, "5", 5),
    (converters.WHOLE_NUMBER, -5, -5),
    (converters.WHOLE_NUMBER, 5.0, 5),
    (converters.NUMBER, "2.5", 2.5),
    (converters.NUMBER, 3, 3.0),
    (converters.TEXT, "a b", "a b"),
    (converters.TEXT, 7, "7"),
    (MODE, "strict-writer", "strict_writer"),
    (MODE, "STRICT_Reader", "strict_reader"),
    (converters.PLUGIN_LIST, "failover, efm", ("failover", "efm")),
    (converters.PLUGIN_LIST, ["failover", int], ("failover", int)),
    (converters.WEIGHTS, "a:1, b:20", {"a": 1, "b": 20}),
    (converters.WEIGHTS, "a:5432:3", {"a:5432": 3}),
    (converters.WEIGHTS, "", {}),
    (converters.WEIGHTS, {"a": 2}, {"a": 2}),
]


@pytest.mark.parametrize(("converter", "given", "wanted"), ACCEPTED)
def test_values_are_taken_as_text_or_typed(converter: Converter[Any], given: Any, wanted: Any) -> None:
    read = parameter(converter).read(given)
    assert read == wanted
    assert type(read) is type(wanted) or isinstance(wanted, dict)


def each(converter: Converter[Any], *values: Any) -> list[tuple[Converter[Any], Any]]:
    return [(converter, value) for value in values]


REFUSED = [
    *each(converters.TRUTH, "maybe", "", "truee", 2, None, 1.0, []),
    *each(converters.WHOLE_NUMBER, "five", "", "5.0", 5.5, True, None, math.inf, []),
    *each(converters.NUMBER, "x", "", "nan", "inf", math.nan, True, None),
    *each(converters.TEXT, True, 1.5, b"x", None),
    *each(MODE, "writer", "", 1),
    *each(converters.PLUGIN_LIST, 1, None),
    *each(converters.WEIGHTS, "a", "a:", ":1", "a:x", "a:0", "a:-1", {"a": 0}, {"a": True}, 1),
]


@pytest.mark.parametrize(("converter", "given"), REFUSED)
def test_anything_else_is_refused_with_name_value_and_what_is_accepted(converter: Converter[Any], given: Any) -> None:
    with pytest.raises(AwsWrapperError) as refused:
        parameter(converter).read(given)
    assert "thing" in str(refused.value)
    assert repr(given) in str(refused.value)
    assert converter.accepts in str(refused.value)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "words"),
    [
        ({"minimum": 1, "unit": "milliseconds"}, [1, 2], [0, -1], "a number of milliseconds from 1"),
        ({"above": 0, "unit": "seconds"}, [0.1], [0, -1], "a number of seconds above 0"),
        ({"minimum": 1, "maximum": 65535}, [1, 65535], [0, 65536], "a number from 1 up to 65535"),
    ],
)
def test_bounds_are_kept(bounds: Any, inside: list[float], outside: list[float], words: str) -> None:
    bounded = parameter(converters.NUMBER, **bounds)
    assert [bounded.read(value) for value in inside] == inside
    for value in outside:
        with pytest.raises(AwsWrapperError, match=words):
            bounded.read(value)


def test_the_value_of_a_secret_is_not_shown() -> None:
    with pytest.raises(AwsWrapperError) as refused:
        parameter(converters.NUMBER).read("hush", "x-password")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("PASSWORD", True),
        ("sslpassword", True),
        ("passfile", True),
        ("passwd", True),
        ("idp_password", True),
        ("topology-monitoring-password", True),
        ("client_secret", True),
        ("aws_session_token", True),
        ("scram_client_key", True),
        ("aws_secret_key", True),
        ("sslkey", False),
        ("user", False),
        ("password_mode", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("falover", "did you mean 'failover'?"),
        ("host-monitorin", "did you mean 'host_monitoring'?"),
        ("Failover", "did you mean 'failover'?"),
        ("zzz", ""),
    ],
)
def test_the_nearest_name_is_suggested(name: str, wanted: str) -> None:
    assert suggest(name, ["failover", "host_monitoring", "iam"]) == wanted
