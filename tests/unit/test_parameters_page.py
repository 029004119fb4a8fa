from __future__ import annotations

import re
import runpy
from pathlib import Path

from aws_advanced_python_wrapper.database.detection import DIALECTS
from aws_advanced_python_wrapper.driver.catalogue import KNOWN_DRIVERS
from aws_advanced_python_wrapper.parameters.catalogue import ALIASES, PARAMETERS
from aws_advanced_python_wrapper.parameters.database import WRAPPER_DIALECT, WRAPPER_DRIVER_DIALECT

DOCS = Path(__file__).resolve().parents[2] / "docs"
CODE = re.compile("`([^`]+)`")


def test_the_page_of_parameters_is_what_their_declarations_say() -> None:
    page = (DOCS / "parameters.md").read_text()
    written = runpy.run_path(str(DOCS / "generate_parameters.py"))["page"]()
    assert page == written, "run: python docs/generate_parameters.py"


def test_the_page_has_one_row_for_each_parameter_and_all_its_spellings() -> None:
    page = (DOCS / "parameters.md").read_text()
    for name in PARAMETERS:
        assert page.count(f"\n| `{name}` |") == 1, name
    for alias, name in ALIASES.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"`{alias}`" in row


def test_the_page_names_all_dialects() -> None:
    assert sorted(CODE.findall(WRAPPER_DIALECT.doc)) == sorted(DIALECTS)
    assert CODE.findall(WRAPPER_DRIVER_DIALECT.doc) == sorted(KNOWN_DRIVERS)
