"""What the supervisor says to MySQL servers and reads from them: values, no servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aws_advanced_python_wrapper.local.mysql import configuration, gtid, sql_surface
from aws_advanced_python_wrapper.local.mysql.accounts import Accounts
from aws_advanced_python_wrapper.local.node import Site
from aws_advanced_python_wrapper.local.settings import Settings

A, B = "866ca36e-e71a-11f1-bc77-02fc00000001", "8671d878-e71a-11f1-a6ff-02fc00000001"
SITE = Site(2, "demo-instance-2", "demo-instance-2.example.com", "127.1.2.2", 23456)


@pytest.mark.parametrize(
    ("gtids", "counts"),
    [
        ("", {}),
        (f"{A}:1", {A: 1}),
        (f"{A}:1-5", {A: 5}),
        (f"{A}:1-5:7:10-11", {A: 8}),
        (f"{A}:1-5,\n{B}:3-4", {A: 5, B: 2}),
        (f"{A}:1-5:mine:1-2:7", {A: 8}),
    ],
)
def test_transactions_are_counted_by_the_server_they_come_from(gtids: str, counts: dict[str, int]) -> None:
    assert gtid.counts(gtids) == counts


def options(**wishes: Any) -> list[str]:
    settings = Settings(engine="mysql", max_connections=50, **wishes)
    return configuration.options(SITE, {"datadir": Path("/where/data")}, settings)


def test_a_server_listens_at_its_own_address_and_starts_in_no_part() -> None:
    for option in (
        "--bind-address=127.1.2.2",
        "--port=23456",
        "--max-connections=50",
        "--datadir=/where/data",
        "--read-only=ON",
        "--skip-replica-start=ON",
        f"--server-id={sql_surface.server_id(2)}",
    ):
        assert option in options()


@pytest.mark.parametrize("name", ["innodb_buffer_pool_size", "innodb-buffer-pool-size"])
def test_own_settings_win_however_they_are_spelled(name: str) -> None:
    found = [one for one in options(server_settings={name: "64M"}) if one.startswith("--innodb-buffer-pool-size")]
    assert found == ["--innodb-buffer-pool-size=64M"]


@pytest.mark.parametrize("iam", [True, False])
def test_users_of_iam_have_a_plugin_where_there_are_any(iam: bool) -> None:
    assert any("auth_socket" in one for one in options(iam=iam)) == iam
    settings = Settings(engine="mysql", iam=iam, iam_user="o'hara")
    statements = sql_surface.initial(settings, Accounts.random())
    assert any("CREATE USER 'o''hara'@'%' IDENTIFIED WITH auth_socket AS '" in one for one in statements) == iam


@pytest.mark.parametrize("deployment", ["aurora", "multi-az", "rds", "plain"])
def test_a_cluster_begins_with_statements_of_one_line_each(deployment: Any) -> None:
    names = {"user": "o'hara", "database": "a `b`"}
    settings = Settings.from_keywords({"engine": "mysql", "deployment": deployment, **names})
    statements = sql_surface.initial(settings, Accounts.random())
    assert not [one for one in statements if "\n" in one or one.endswith(";")]
    assert any("CREATE USER 'o''hara'@'%'" in one for one in statements)
    assert "CREATE DATABASE `a ``b```" in statements
    assert any("rds_topology" in one for one in statements) == (deployment == "multi-az")
    assert any("replica_host_status" in one for one in statements) == (deployment == "aurora")


def test_passwords_are_not_shown() -> None:
    accounts = Accounts.random()
    assert accounts.admin.password != accounts.replication.password
    assert accounts.admin.password not in repr(accounts)
