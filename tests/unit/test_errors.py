from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import psycopg
import pytest

from aws_advanced_python_wrapper import errors, pep249

OURS = [
    errors.AwsWrapperError,
    errors.UnsupportedOperationError,
    errors.QueryTimeoutError,
    errors.AwsConnectError,
    errors.ReadWriteSplittingError,
    errors.FailoverSuccessError,
    errors.FailoverFailedError,
    errors.TransactionResolutionUnknownError,
]


class PickyError(Exception):
    """Behaves like a driver's error that rewrites its arguments and attributes when it is made."""

    def __init__(self, msg: str | None = None, errno: int | None = None, sqlstate: str | None = None) -> None:
        super().__init__()
        self.errno = errno or -1
        self.sqlstate = sqlstate
        self.args = (self.errno, f"{self.errno}: {msg}", sqlstate)


def chained(*chain: BaseException) -> Any:
    for outer, inner in itertools.pairwise(chain):
        outer.__cause__ = inner
    return chain[0]


@pytest.mark.parametrize(
    ("error", "sqlstate"),
    [
        (errors.FailoverSuccessError, "08S02"),
        (errors.FailoverFailedError, "08001"),
        (errors.TransactionResolutionUnknownError, "08007"),
        (errors.AwsWrapperError, None),
    ],
)
def test_outcomes_carry_their_sqlstate_alone_and_combined(error: type[pep249.Error], sqlstate: str | None) -> None:
    assert error.sqlstate == sqlstate
    assert error("x").sqlstate == sqlstate
    assert errors.driver_class(error, psycopg.OperationalError)("x").sqlstate == sqlstate
    assert errors.driver_class(error, PickyError)("x").sqlstate == sqlstate


def test_a_failover_outcome_is_an_operational_error_and_no_wrapper_error() -> None:
    assert issubclass(errors.FailoverError, pep249.OperationalError)
    assert not issubclass(errors.FailoverError, errors.AwsWrapperError)


@pytest.mark.parametrize(
    ("error", "driver"),
    [
        (errors.AwsWrapperError, psycopg.Error),
        (errors.UnsupportedOperationError, psycopg.NotSupportedError),
        (errors.QueryTimeoutError, psycopg.OperationalError),
        (errors.AwsConnectError, psycopg.OperationalError),
        (errors.ReadWriteSplittingError, psycopg.InterfaceError),
        (errors.FailoverSuccessError, psycopg.OperationalError),
        (pep249.ConnectionTimeout, psycopg.OperationalError),
        (pep249.IntegrityError, psycopg.IntegrityError),
    ],
)
def test_the_nearest_kind_of_the_driver_is_matched(error: type[pep249.Error], driver: type[Exception]) -> None:
    assert errors.matching(error, psycopg) is driver


@pytest.mark.parametrize("error", OURS)
def test_a_combined_error_is_caught_as_ours_and_as_the_drivers(error: type[pep249.Error]) -> None:
    combined = errors.driver_class(error, errors.matching(error, psycopg))
    assert issubclass(combined, error)
    assert issubclass(combined, psycopg.Error)
    assert (combined.__name__, combined.__qualname__, combined.__module__) == (
        error.__name__,
        error.__qualname__,
        error.__module__,
    )
    assert combined is errors.driver_class(error, errors.matching(error, psycopg))


@pytest.mark.parametrize("error", OURS)
@pytest.mark.parametrize("driver", [psycopg.Error, psycopg.OperationalError, PickyError])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])  # noqa: S301
def test_a_combined_error_survives_copy_and_pickle(error: Any, driver: Any, again: Any) -> None:
    original = errors.driver_class(error, driver)("what happened")
    original.note = 7
    twin = again(original)
    assert type(twin) is type(original)
    assert twin.args == original.args
    assert str(twin) == str(original)
    assert twin.note == 7
    assert twin.sqlstate == original.sqlstate


def test_an_error_that_is_already_of_the_drivers_class_is_not_combined() -> None:
    assert errors.driver_class(errors.FailoverError, pep249.OperationalError) is errors.FailoverError


def test_the_driver_error_is_the_innermost_of_the_drivers() -> None:
    inner, outer = psycopg.OperationalError("inner"), psycopg.OperationalError("outer")
    assert chained(errors.AwsWrapperError("x"), outer, inner, OSError()).driver_error is inner
    assert chained(errors.AwsWrapperError("x"), errors.AwsWrapperError("y"), inner).driver_error is inner


def test_a_combined_error_is_not_taken_for_the_drivers_own() -> None:
    combined = errors.driver_class(errors.AwsWrapperError, psycopg.Error)
    assert chained(errors.AwsWrapperError("x"), combined("y")).driver_error is None


def test_there_is_no_driver_error_without_a_driver() -> None:
    assert errors.AwsWrapperError("x").driver_error is None
    assert chained(errors.AwsWrapperError("x"), OSError("no")).driver_error is None


def test_a_circle_of_causes_ends() -> None:
    first, second = errors.AwsWrapperError("x"), psycopg.Error("y")
    first.__cause__, second.__cause__ = second, first
    assert first.driver_error is second


def test_the_original_error_becomes_the_cause() -> None:
    cause = psycopg.OperationalError("gone")
    error = errors.AwsWrapperError("message", cause)
    assert error.__cause__ is cause
    assert error.driver_error is cause
    assert error.args == ("message",)
