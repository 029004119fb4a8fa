"""Keeps watch over all that tests print and log, at any level: a test that reveals a secret has failed.

Tokens, SAML assertions and the like are known by their looks; `keep_secret` adds values that are not.
"""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_LOOKS = re.compile(
    r"""
    X-Amz-(?:Signature|Security-Token)=\w                      # a token, or a signed request
    | AWS4-HMAC-SHA256\sCredential=                            # a signed request's header
    | (?:PHNhbWxwOl|PD94bWwg|PFNBTUxSZX)[A-Za-z0-9+/]{20}      # the beginning of an XML document, in base64
    | SAMLResponse"?(?:\svalue)?\W{1,4}[A-Za-z0-9+/%]{20}
    | onetimetoken=\w
    | "?SecretString"?\W{1,6}\{
    """,
    re.VERBOSE,
)
_values: set[str] = set()


def keep_secret(*values: str) -> None:
    """Have no test of this process reveal these values from now on."""
    _values.update(value for value in values if value)


def revealed(text: str) -> str | None:
    """Return what is secret in a text, cut short; None where nothing is."""
    known = next((value for value in _values if value in text), None)
    if known is None and (looks := _LOOKS.search(text)):
        known = looks[0]
    return None if known is None else f"{known[: len(known) // 2]}..."


def shown(error: BaseException) -> str:
    """Return all that a program can print of an error: text, arguments and traceback, with its causes."""
    whole = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    chain = [error]
    while following := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(following)
    return "\n".join([whole, *(f"{one} {one!r} {one.args} {vars(one)}" for one in chain)])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look through what was captured so far."""
    report = yield
    del item
    texts = [text for _, text in report.sections]
    if call.excinfo is not None:
        texts.append(str(report.longrepr))
    found = next(filter(None, map(revealed, texts)), None)
    if found is not None:
        report.outcome = "failed"
        report.longrepr = f"a secret was printed, logged or told in an error: {found}"
        report.sections = []
    return report
