"""The request and the trace of the work in hand."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from helpdesk.observability import origin
from helpdesk.observability.origin import Origin, trace_parent_for

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-00"


def test_nothing_is_known_outside() -> None:
    assert origin.current() == Origin(None, None)
    assert origin.current().trace_id is None


def test_what_is_entered_is_current_and_in_the_log_until_it_is_left() -> None:
    with origin.entered(Origin("r-1", PARENT)):
        assert origin.current() == Origin("r-1", PARENT)
        assert structlog.contextvars.get_contextvars() == {"request_id": "r-1", "trace_id": TRACE}
        with origin.entered(Origin()):
            assert origin.current() == Origin()
    assert origin.current() == Origin()
    assert structlog.contextvars.get_contextvars() == {}


def test_tasks_side_by_side_have_each_their_own() -> None:
    async def one(request_id: str) -> str | None:
        with origin.entered(Origin(request_id)):
            await asyncio.sleep(0)
            return origin.current().request_id

    async def both() -> list[str | None]:
        return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(both()) == ["a", "b"]


def test_a_step_within_a_given_trace_has_an_id_of_its_own_and_the_same_flags() -> None:
    made = trace_parent_for(PARENT)

    assert Origin(None, made).trace_id == TRACE
    assert made != PARENT
    assert made.endswith("-00")


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "x",
        PARENT.upper(),
        f"{PARENT}\n",
        f"ff{PARENT[2:]}",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
    ],
)
def test_what_is_no_trace_begins_a_new_one(given: str | None) -> None:
    first, second = Origin(None, trace_parent_for(given)), Origin(None, trace_parent_for(given))

    assert len({first.trace_id, second.trace_id, TRACE, None}) == 4
    assert Origin(None, given).trace_id is None
