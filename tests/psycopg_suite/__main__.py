"""The command: three runs of the suite, a table per file, and each test that ends differently."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopg import conninfo

from aws_advanced_python_wrapper.local import LocalCluster
from psycopg_suite import plugin
from psycopg_suite.differences import reason_for
from psycopg_suite.sources import cache_folder, source_tree, version_of

Outcomes = Mapping[str, str]

TESTS = Path(__file__).resolve().parents[1]
SIDES: dict[str, str | None] = {"psycopg": None, "no plugin": '{"plugins": ""}', "default plugins": "{}"}
NOT_COMPARABLE = "not timing and not crdb"
"""What measures time, or is about another database."""


def main() -> int:
    """Run and compare; returns 1 where a test differs that is not known to."""
    parser = argparse.ArgumentParser(prog="dev.py psycopg-suite", description=__doc__)
    parser.add_argument("--sources", type=Path, help="a source tree of psycopg (default: Debian's source package)")
    parser.add_argument("--flavour", choices=["blocking", "asyncio"], help="only the files of one flavour")
    parser.add_argument(
        "--python", default="", help="an environment's Python that has psycopg's requirements for tests"
    )
    options, words = parser.parse_known_args()
    tree = source_tree(options.sources)
    python = options.python or environment(version_of(tree))
    words = [*words, *chosen_files(tree, options.flavour, words)]
    settings = {"max_prepared_transactions": "100"}
    with LocalCluster(instances=1, deployment="plain", server_settings=settings) as cluster:
        dsn = superuser_dsn(cluster)
        sides = {name: outcomes(python, tree, dsn, parameters, words) for name, parameters in SIDES.items()}
    return report(sides)


def environment(version: str) -> str:
    """Make an environment with the psycopg that the tests are for, and what they require; returns its Python."""
    import dev

    folder = cache_folder() / f"environment-{version}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    dev.install(folder, [f"psycopg[binary,test]=={version}", "psycopg-pool[test]", "pytest-timeout"])
    return str(dev.python(folder))


def chosen_files(tree: Path, flavour: str | None, words: Sequence[str]) -> list[str]:
    """Return the test files of a flavour; asyncio's are recognised by name."""
    if flavour is None or any(word.startswith("tests") for word in words):
        return []
    files = sorted(file for file in (tree / "tests").rglob("test_*.py"))
    return [str(file.relative_to(tree)) for file in files if ("_async" in file.name) == (flavour == "asyncio")]


def superuser_dsn(cluster: LocalCluster) -> str:
    """Return how to connect to the server itself as superuser: the suite makes extensions and types."""
    with cluster.connect_directly(cluster.writer) as connection:
        info = connection.info
        given: dict[str, Any] = {"password": info.password, "host": info.host, "port": info.port}
        return conninfo.make_conninfo("", **{**info.get_parameters(), **given})


def outcomes(python: str, tree: Path, dsn: str, parameters: str | None, words: Sequence[str]) -> Outcomes:
    """Run the suite once and return how each test ended."""
    with tempfile.NamedTemporaryFile() as file:
        settings = {plugin.OUTCOMES: file.name, "PSYCOPG_TEST_DSN": dsn, "PYTHONPATH": str(TESTS)}
        if parameters is not None:
            settings[plugin.PARAMETERS] = parameters
        options = ["-p", "psycopg_suite.plugin", "-p", "no:randomly", "-q", "--no-header", "--tb=no", "--timeout=120"]
        command = [python, "-m", "pytest", *options, "-m", NOT_COMPARABLE, *words]
        subprocess.run(command, cwd=tree, env={**os.environ, **settings}, check=False)
        lines = [json.loads(line) for line in Path(file.name).read_text().splitlines()]
    if not lines:
        sys.exit(f"no test was run by {' '.join(command)}")
    return dict(lines)


def report(sides: Mapping[str, Outcomes]) -> int:
    """Print a row per file and the tests that differ; returns 1 where one differs that is not known to."""
    (_, bare), *others = sides.items()
    surprises = 0
    for name, ours in others:
        different = {node for node in bare.keys() | ours.keys() if bare.get(node) != ours.get(node)}
        print(f"\n{name}: {len(bare)} tests, {len(different)} of them differ from psycopg")
        total, by_file = Counter(map(file_of, bare)), Counter(map(file_of, different))
        for file in sorted(total | by_file):
            print(f"{file:50} same {total[file] - by_file[file]:5}  different {by_file[file]:5}")
        for node in sorted(different):
            reason = reason_for(node)
            surprises += reason is None
            print(f"{node}\n    psycopg: {bare.get(node)}; here: {ours.get(node)}; {reason or 'NOT KNOWN'}")
    return 1 if surprises else 0


def file_of(node: str) -> str:
    """Return the file of a test's id."""
    return node.partition("::")[0]


if __name__ == "__main__":
    sys.exit(main())
