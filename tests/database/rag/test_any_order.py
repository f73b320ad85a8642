"""Whatever happens to sources and workers in whatever order, the index ends up as if it were made from scratch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import text

from helpdesk.errors import Conflict
from helpdesk.models.values import ArticleVisibility, TicketStatus
from helpdesk.settings import Settings
from tests.database.rag.index_world import INTERNAL_WORD, PARAGRAPHS, REFUSED_WORD, World

EXAMPLES = int(os.environ.get("INDEX_EXAMPLES", "8"))
STEPS = int(os.environ.get("INDEX_STEPS", "25"))

WHICH = st.integers(0, 7)
WORDS = st.sampled_from([*PARAGRAPHS, f"It says {REFUSED_WORD} again.", "Short.", "> quoted\n\nNew words."])
BODIES = st.lists(st.sampled_from([*PARAGRAPHS, f"{REFUSED_WORD} " * 12]), max_size=6)
VISIBILITY = st.sampled_from(list(ArticleVisibility))
MOVES = st.sampled_from([TicketStatus.SOLVED, TicketStatus.OPEN, TicketStatus.PENDING])

_OPENLY = text("SELECT count(*) FROM rag_chunks WHERE visibility <> 'internal' AND strpos(content, :word) > 0")


class AnyOrder(RuleBasedStateMachine):
    """Edits, deletions, crashes, lost leases, several workers and a runtime that fails."""

    world: World

    @initialize()
    def begin(self) -> None:
        world = self.world
        world.run(world.begin())
        world.run(world.write_article("Guide", PARAGRAPHS[:4], ArticleVisibility.PUBLIC))
        world.run(world.write_article("Router", PARAGRAPHS[2:5], ArticleVisibility.AGENTS))
        world.run(world.open(PARAGRAPHS[0]))
        world.run(world.drain())

    @rule(title=st.sampled_from(["Guide", "Router", "Printer"]), paragraphs=BODIES, visibility=VISIBILITY)
    def write(self, title: str, paragraphs: list[str], visibility: ArticleVisibility) -> None:
        self.world.run(self.world.write_article(title, paragraphs, visibility))

    @rule(which=WHICH, paragraphs=BODIES, visibility=st.none() | VISIBILITY)
    def edit(self, which: int, paragraphs: list[str], visibility: ArticleVisibility | None) -> None:
        self.world.run(self.world.edit_article(which, paragraphs, visibility))

    @rule(which=WHICH, visibility=VISIBILITY)
    def show(self, which: int, visibility: ArticleVisibility) -> None:
        self.world.run(self.world.show(which, visibility))

    @rule(which=WHICH)
    def archive(self, which: int) -> None:
        self.world.run(self.world.archive(which))

    @rule(which=WHICH, location=st.sampled_from(["Vienna", "Graz", None]))
    def asset(self, which: int, location: str | None) -> None:
        self.world.run(self.world.change_asset(which, location))

    @rule(words=WORDS)
    def open(self, words: str) -> None:
        self.world.run(self.world.open(words))

    @rule(which=WHICH, words=WORDS, internal=st.booleans())
    def say(self, which: int, words: str, internal: bool) -> None:
        with suppress(Conflict):
            self.world.run(self.world.say(which, words, internal=internal))

    @rule(which=WHICH, to=MOVES)
    def move(self, which: int, to: TicketStatus) -> None:
        with suppress(Conflict):
            self.world.run(self.world.move(which, to))

    @rule(which=WHICH, words=WORDS, to_note=st.booleans())
    def attach(self, which: int, words: str, to_note: bool) -> None:
        self.world.run(self.world.attach(which, words, to_note=to_note))

    @rule(which=WHICH)
    def remove_file(self, which: int) -> None:
        self.world.run(self.world.remove_file(which))

    @rule(limit=st.integers(1, 6))
    def take(self, limit: int) -> None:
        self.world.run(self.world.take(limit))

    @rule(which=WHICH)
    def work(self, which: int) -> None:
        self.world.run(self.world.work(which))

    @rule(which=WHICH, statements=st.integers(0, 60))
    def die(self, which: int, statements: int) -> None:
        self.world.run(self.world.work(which, dies_after=statements))

    @rule(limit=st.integers(1, 6), calls=st.none() | st.integers(0, 1))
    def pass_by(self, limit: int, calls: int | None) -> None:
        """Let a worker take tasks and index them, whether or not the runtime goes along."""
        self.world.model.away_after = calls
        self.world.run(self.world.take(limit))
        self.world.run(self.world.work(-1))

    @rule(paragraphs=BODIES)
    def edit_in_hand(self, paragraphs: list[str]) -> None:
        """Change an article between the worker's look at it and the worker's writing."""
        self.world.run(self.world.edit_in_hand(paragraphs))

    @rule()
    def side_by_side(self) -> None:
        self.world.run(self.world.work_side_by_side())

    @rule()
    def lose_leases(self) -> None:
        self.world.run(self.world.lose_leases())

    @rule(which=WHICH)
    def hand_back(self, which: int) -> None:
        self.world.run(self.world.hand_back(which))

    @rule(calls=st.none() | st.integers(0, 2))
    def runtime(self, calls: int | None) -> None:
        self.world.model.away_after = calls

    @rule()
    def reconcile(self) -> None:
        self.world.run(self.world.look_for_missed())

    @invariant()
    def no_internal_word_is_in_the_open(self) -> None:
        async def count() -> int:
            async with self.world.database.transaction(self.world.organization_id) as session:
                return int(await session.scalar(_OPENLY, {"word": INTERNAL_WORD}) or 0)

        assert self.world.run(count()) == 0

    def teardown(self) -> None:
        world = self.world
        world.run(world.settle())
        reached = world.run(world.what_is_indexed())

        world.model.texts.clear()
        world.run(world.queue_everything())
        world.run(world.drain())
        # What a model refuses is tried once more, and refused once more; nothing else is sent.
        assert world.model.texts == []
        assert world.run(world.what_is_indexed()) == reached

        world.run(world.rebuild(len(reached["passages"])))
        assert world.run(world.what_is_indexed()) == reached


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    world = World(settings)
    yield world
    world.close()


def test_any_order_of_events_ends_in_the_index_that_a_rebuild_makes(world: World) -> None:
    AnyOrder.world = world
    run_machine(
        AnyOrder,
        settings=hypothesis_settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="INDEX_EXAMPLES" not in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
