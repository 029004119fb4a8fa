from __future__ import annotations

import pytest

from aws_advanced_python_wrapper.core.io import run
from aws_advanced_python_wrapper.database.dialect import Answer, Ask, Member
from aws_advanced_python_wrapper.database.postgresql import AURORA_PG, PG


def answering(*rows: tuple[str | None, ...]) -> Ask:
    async def ask(sql: str) -> Answer:  # noqa: ARG001
        return rows

    return ask


def test_the_members_are_read_from_text() -> None:
    ask = answering(("a", "t", "0", "1700000000.5"), ("b", "f", "12.5", None), ("c", None, None, None))
    assert run(AURORA_PG.members(ask)) == (
        Member("a", is_writer=True, lag_ms=0.0, updated_at=1700000000.5),
        Member("b", is_writer=False, lag_ms=12.5, updated_at=None),
        Member("c", is_writer=False, lag_ms=None, updated_at=None),
    )


@pytest.mark.parametrize("nameless", [None, ""])
def test_a_member_without_a_name_is_left_out(nameless: str | None) -> None:
    members = run(AURORA_PG.members(answering((nameless, "t", "0", None), ("b", "f", "0", None))))
    assert [member.host_id for member in members] == ["b"]


def test_a_plain_server_has_no_members() -> None:
    with pytest.raises(LookupError):
        run(PG.members(answering()))
