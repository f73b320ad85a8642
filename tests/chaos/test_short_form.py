"""Every kind of fault, for seconds each: `scripts/chaos` does the same for many minutes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from tests.chaos.campaign import run_fault
from tests.chaos.faults import short_form
from tests.chaos.ground import Ground, open_ground
from tests.chaos.scene import Fault
from tests.chaos.strikes import faketime_library


@pytest.fixture(scope="module")
async def ground() -> AsyncIterator[Ground]:
    async with open_ground() as ground:
        yield ground


@pytest.mark.parametrize("fault", short_form(), ids=lambda fault: fault.name.replace(" ", "-"))
async def test_the_queue_keeps_its_promises(ground: Ground, fault: Fault) -> None:
    if "clock" in fault.name and faketime_library() is None:
        pytest.skip("libfaketime is not installed")
    random.seed(fault.name)
    outcome = await run_fault(ground, fault)
    assert outcome.broken == {}, (outcome.counts, "\n".join(outcome.warnings))
    assert outcome.counts["exact_twice"] == 0
    assert outcome.counts["exact_effects"] > 0
