"""What signing in costs: opening a connection with a token at hand, beside opening it with a password, in one run.

    python benchmarks/sign_in.py [--driver psycopg] [--rounds 40]

Both sides go through this driver and its default plugins, over TLS, to the same server, which checks the token as RDS
does. The calls to AWS that the connections with a token have made are counted where they arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
from typing import TYPE_CHECKING, Any

from comparing import compare, compare_async, show
from subjects import SUBJECTS, Subject

from aws_advanced_python_wrapper.local import LocalCluster

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGINS = "aurora_connection_tracker,failover,host_monitoring"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", choices=SUBJECTS, default="psycopg")
    parser.add_argument("--rounds", type=int, default=40, help="rounds of each side (default %(default)s)")
    arguments = parser.parse_args()
    subject = SUBJECTS[arguments.driver]
    print("starting servers ...", flush=True)
    with LocalCluster(iam=True, **subject.server) as cluster:
        os.environ.update(cluster.aws.environment())
        print(f"{'':34}{'password':>12}{'a token adds':>14}{'ratio':>9}")
        if subject.asynchronous:
            asyncio.run(in_a_loop(subject, cluster, arguments.rounds))
        else:
            in_threads(subject, cluster, arguments.rounds)
        print(f"calls to AWS: {sum(cluster.aws.calls().values())}")


def in_threads(subject: Subject, cluster: LocalCluster, rounds: int) -> None:
    """Measure a blocking driver."""
    sides = [lambda one=one: subject.ours(cluster, **one).close() for one in ways(subject, cluster)]
    show("connect", compare(sides, rounds=rounds, calls=3))


async def in_a_loop(subject: Subject, cluster: LocalCluster, rounds: int) -> None:
    """Measure an asyncio driver."""

    def opening(options: Mapping[str, Any]) -> Any:
        async def connect() -> None:
            connection = await subject.ours(cluster, **options)
            await connection.close()

        return connect

    sides = [opening(one) for one in ways(subject, cluster)]
    show("connect", await compare_async(sides, rounds=rounds, calls=3))


def ways(subject: Subject, cluster: LocalCluster) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return what is given for a password, and for a token."""
    encrypted: dict[str, Any] = {"sslmode": "require"} if subject.engine == "postgresql" else {}
    if subject.name == "aiomysql":
        encrypted["ssl"] = ssl.create_default_context(cafile=str(cluster.ca_file))
    common = {**encrypted, "plugins": PLUGINS}
    return common, {**common, "plugins": f"{PLUGINS},iam", "user": cluster.iam_user}


if __name__ == "__main__":
    main()
