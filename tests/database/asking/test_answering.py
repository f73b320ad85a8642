from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder, ModelBusy, ModelIdentity
from helpdesk.asking.events import Done, SentenceGiven, SourcesFound
from helpdesk.database.base import new_id
from helpdesk.kb.articles.commands import archive_article
from helpdesk.models.accounts import Organization
from helpdesk.models.values import SourceType, TicketStatus
from helpdesk.rag.questions import QuestionGone
from helpdesk.rag.retrieval.query import Audience, SearchFilters
from helpdesk.tickets.commands import change_status
from tests.database.ai.desk import VPN
from tests.database.asking.asker import Asker, answers
from tests.database.desk import NOW
from tests.scripted_ollama import TEXT_MODEL, error, says, slow

HOTEL = "What can a customer change when HL-809 comes up in a hotel?"
CODE = "What is the code to reset the VPN gateway when HL-809 hits everybody?"
BATTERY = "The battery of a laptop is swollen, may it go on charging?"
CANTEEN = "Which days is there fish in the canteen this month?"
FOR_CUSTOMERS: dict[str, Any] = {"audience": Audience.CUSTOMERS}
MEANS = "HL-809 means that the gateway never answered the VPN client."
RUNBOOK_TITLE = "Runbook: VPN outage HL-809"


async def _kept(asker: Asker, question_id: UUID) -> Any:
    [row] = await asker.desk.rows("SELECT * FROM rag_questions WHERE id = :id", id=question_id)
    return row


async def _runs(asker: Asker) -> list[Any]:
    return list(await asker.desk.rows("SELECT * FROM ai_runs WHERE kind = 'ask' ORDER BY created_at, id"))


class AwayEmbedder:
    """A runtime that cannot be reached."""

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        raise ModelBusy("away")

    async def embed(self, texts: Any) -> NDArray[np.float32]:
        raise ModelBusy("away")

    def named(self, name: str) -> Embedder:
        return self


@pytest.fixture
def quoting(asker: Asker) -> Asker:
    """Return an asker whose answers no model phrases."""
    asker.settings = {"ask_phrasing": "never"}
    return asker


async def test_sources_come_first_then_sentences_that_cite_them_then_the_end(quoting: Asker) -> None:
    told = await quoting.ask(HOTEL, **FOR_CUSTOMERS)

    kinds = [type(event) for event in told.events]
    assert kinds == [SourcesFound, *[SentenceGiven] * len(told.sentences), Done]
    ids = {source["id"] for source in told.sources}
    assert all(sentence.cites and set(sentence.cites) <= ids for sentence in told.sentences)
    assert told.cited() == {"VPN error HL-809: connection timed out"}
    steps = [(sentence.number, sentence.text) for sentence in told.sentences if sentence.kind == "step"]
    assert steps[0] == (1, "Open Preferences > Transport and choose Web only.")
    assert (told.done.method, told.done.degraded, told.done.model) == ("extractive", False, None)


async def test_every_quoted_word_is_the_sources_and_warnings_are_among_them(quoting: Asker) -> None:
    plain = " ".join(VPN.replace("*", "").replace("`", "").split())
    told = await quoting.ask(HOTEL, **FOR_CUSTOMERS)
    assert all(sentence.text in plain for sentence in told.sentences)
    assert "Do not disable the company firewall to make the VPN connect." in told.text
    battery = await quoting.ask(BATTERY)
    assert [sentence.text for sentence in battery.sentences if sentence.kind == "warning"] == [
        "Stop using the laptop.",
        "Do not charge it.",
    ]


async def test_an_answer_is_made_of_several_sources_where_they_say_as_much(quoting: Asker) -> None:
    told = await quoting.ask("HL-809: what does it mean, and what is the code for the VPN gateway?")
    assert told.cited() == {"VPN error HL-809: connection timed out", RUNBOOK_TITLE}


async def test_a_question_is_kept_with_its_answer_passages_and_article_version(quoting: Asker) -> None:
    told = await quoting.ask(HOTEL, **FOR_CUSTOMERS)
    row = await _kept(quoting, told.done.id)
    assert (row.question, row.searched, row.abstained, row.method) == (HOTEL, HOTEL, False, "extractive")
    assert [sentence["text"] for sentence in row.sentences] == [sentence.text for sentence in told.sentences]
    chunks = {str(chunk.id) for chunk in await quoting.desk.rows("SELECT id FROM rag_chunks")}
    for source in row.sources:
        assert source["version"] == 1
        assert source["chunk_ids"]
        assert set(source["chunk_ids"]) <= chunks


async def test_the_small_embedded_models_are_not_asked_unless_somebody_wants_it(asker: Asker) -> None:
    asker.settings = {"ask_phrasing": "auto", "text_model": "qwen2.5-coder:1.5b"}
    await asker.ask(HOTEL, **FOR_CUSTOMERS)
    assert asker.desk.ollama.requests["/api/chat"] == []
    asker.settings = {"ask_phrasing": "auto", "text_model": TEXT_MODEL}
    await asker.ask(HOTEL, **FOR_CUSTOMERS)
    assert len(asker.desk.ollama.requests["/api/chat"]) >= 1


async def test_a_model_answers_with_what_its_sources_bear_out_and_the_call_is_recorded(asker: Asker) -> None:
    own = "In hotels only web traffic is allowed, so tell the client to use TCP 443."
    asker.desk.ollama.always("/api/chat", answers((MEANS, MEANS), (own, "web traffic")))

    told = await asker.ask(HOTEL, **FOR_CUSTOMERS)

    assert [(sentence.text, sentence.kind) for sentence in told.sentences[:2]] == [(MEANS, "sentence"), (own, "own")]
    assert (told.done.method, told.done.model, told.done.dropped) == ("model", TEXT_MODEL, 0)
    [run] = await _runs(asker)
    assert [run.id] == told.done.run_ids
    assert (run.decision, run.prompt_id, run.prompt_version) == ("accepted", "ask-answer", 2)
    assert HOTEL in run.input_redacted
    assert run.retrieval_trace["found"]
    assert run.citations == sorted({cite for sentence in told.sentences for cite in sentence.cites})


async def test_a_warning_that_the_model_leaves_out_is_added_word_for_word(asker: Asker) -> None:
    asker.desk.ollama.always("/api/chat", answers(("Unplug the charger at the wall.", "Unplug")))
    told = await asker.ask(BATTERY)
    assert told.done.method == "model"
    assert [(s.text, s.kind) for s in told.sentences[1:]] == [
        ("Stop using the laptop.", "warning"),
        ("Do not charge it.", "warning"),
    ]


async def test_an_answer_that_hardly_holds_gives_way_to_quotes_and_says_so(asker: Asker) -> None:
    invented = [("Reinstall the operating system from a stick.", MEANS), ("Buy 3 new routers.", MEANS)]
    asker.desk.ollama.always("/api/chat", answers((MEANS, MEANS), *invented))

    told = await asker.ask(HOTEL, **FOR_CUSTOMERS)

    assert told.done.method == "extractive"
    assert "borne out" in told.done.note
    assert all(text not in told.text for text, _ in invented)
    row = await _kept(asker, told.done.id)
    assert {dropped["text"] for dropped in row.dropped} == {text for text, _ in invented}
    [run] = await _runs(asker)
    assert run.decision == "abstained"


async def test_a_model_that_finds_no_answer_is_believed_where_the_sources_are_doubtful(asker: Asker) -> None:
    asker.desk.ollama.always("/api/chat", answers(answerable=False, missing="the price"))
    sure = await asker.ask(HOTEL, **FOR_CUSTOMERS)
    assert (sure.done.method, sure.abstained) == ("extractive", None)
    doubtful = await asker.ask("What does the gateway cost?")
    if doubtful.sources:
        assert max(source["relevance"] for source in doubtful.sources) < 0.8
    assert doubtful.abstained is not None
    assert doubtful.sentences == []


@pytest.mark.parametrize(
    ("reply", "note"),
    [(error(503, "server busy"), "away"), (slow(0.4), "did not answer within"), (says("no JSON"), "not in the form")],
)
async def test_without_a_usable_model_the_sources_are_quoted_and_the_reason_is_told(
    asker: Asker, reply: Any, note: str
) -> None:
    asker.settings = {"ask_phrasing": "always", "ask_timeout_s": 0.2 if "within" in note else 5}
    asker.desk.ollama.always("/api/chat", reply)

    told = await asker.ask(HOTEL, **FOR_CUSTOMERS)

    assert told.done.method == "extractive"
    assert note in told.done.note
    assert "Web only" in told.text
    [run] = await _runs(asker)
    assert run.decision == "error"
    assert run.error_class is not None


async def test_without_vectors_words_decide_and_the_answer_says_so(quoting: Asker) -> None:
    quoting.embedder = AwayEmbedder()
    told = await quoting.ask(HOTEL, **FOR_CUSTOMERS)
    assert told.done.degraded
    assert MEANS in told.text
    nothing = await quoting.ask(CANTEEN)
    assert nothing.abstained is not None
    assert nothing.abstained.searched["by"] == ["words"]
    # An index that words alone searched may well hold the answer.
    assert await quoting.desk.rows("SELECT 1 FROM kb_unanswered") == []


async def test_nothing_suitable_is_an_answer_that_says_what_was_searched_and_what_came_nearest(asker: Asker) -> None:
    told = await asker.ask(CANTEEN)

    assert told.sources == told.sentences == []
    assert told.abstained is not None
    assert "0.30" in told.abstained.reason
    assert told.abstained.searched == {
        "words": CANTEEN, "types": ["kb"], "audience": "agents", "filters": {}, "by": ["words", "meaning"],
    }  # fmt: skip
    assert told.abstained.nearest[0]["relevance"] < 0.3
    assert asker.desk.ollama.requests["/api/chat"] == []
    [noted] = await asker.desk.rows("SELECT text, origin FROM kb_unanswered")
    assert (noted.text, noted.origin) == (CANTEEN, "ask")


async def test_what_a_narrower_look_does_not_find_is_no_gap_of_the_knowledge_base(asker: Asker) -> None:
    narrow = SearchFilters(tags=("printers",))
    for wanted in ({"filters": narrow}, {"types": (SourceType.TICKET,)}):
        assert (await asker.ask(CANTEEN, **wanted)).abstained is not None
    assert await asker.desk.rows("SELECT 1 FROM kb_unanswered") == []


async def test_what_a_ticket_is_asked_in_vain_for_goes_with_the_ticket(asker: Asker) -> None:
    ticket_id = await asker.desk.open(subject="Fish", body="The canteen has had no fish this month.")
    assert (await asker.ask(CANTEEN, ticket_id=ticket_id)).abstained is not None
    [noted] = await asker.desk.rows("SELECT ticket_id FROM kb_unanswered")
    assert noted.ticket_id == ticket_id


async def test_what_an_audience_may_not_read_is_not_cited(quoting: Asker) -> None:
    assert "7731" in (await quoting.ask(CODE)).text
    for audience in (Audience.CUSTOMERS, Audience.PUBLIC):
        told = await quoting.ask(CODE, audience=audience)
        assert "7731" not in told.text
        assert RUNBOOK_TITLE not in {source["title"] for source in told.sources}
        nearest = [] if told.abstained is None else told.abstained.nearest
        assert RUNBOOK_TITLE not in {near["title"] for near in nearest}
    # What customers may read once they have signed in is nothing for everybody.
    assert (await quoting.ask(BATTERY, audience=Audience.CUSTOMERS)).sentences
    assert not (await quoting.ask(BATTERY, audience=Audience.PUBLIC)).sentences


async def test_another_organisation_finds_nothing_of_this_one(quoting: Asker) -> None:
    other = new_id()
    async with quoting.desk.database.transaction(other) as session:
        session.add(Organization(id=other, slug=f"other-{other.hex[-8:]}", name="Other"))
    told = await quoting.ask(HOTEL, organization_id=other)
    assert told.abstained is not None
    assert told.abstained.nearest == []


async def test_an_article_that_was_archived_meanwhile_is_not_cited_though_the_index_still_has_it(
    quoting: Asker,
) -> None:
    desk = quoting.desk
    [article] = await desk.rows("SELECT id FROM kb_articles WHERE slug LIKE 'vpn-error%'")
    async with desk.database.transaction(desk.organization_id) as session:
        await archive_article(session, organization_id=desk.organization_id, article_id=article.id, now=NOW)
    told = await quoting.ask(HOTEL, **FOR_CUSTOMERS)
    assert "vpn-error-hl-809-connection-timed-out" not in told.cited("slug")


async def test_filters_narrow_what_is_cited(quoting: Asker) -> None:
    told = await quoting.ask(HOTEL, filters=SearchFilters(products=("Nothing of ours",)))
    assert told.abstained is not None
    assert told.abstained.searched["filters"] == {"products": ["Nothing of ours"]}


async def test_a_settled_ticket_answers_and_an_open_one_does_not(quoting: Asker) -> None:
    desk = quoting.desk
    question = "How was the squeaking tape library in Graz silenced?"
    ticket_id = await desk.open(subject="Tape library in Graz squeaks", body="The tape library in Graz squeaks loudly.")
    await desk.index_all()
    both = (SourceType.KB, SourceType.TICKET)
    assert (await quoting.ask(question, types=both)).abstained is not None
    async with desk.database.transaction(desk.organization_id) as session:
        await change_status(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket_id,
            to=TicketStatus.SOLVED,
            actor=desk.agent,
            now=NOW,
            resolution="The tape library in Graz was silenced by a new fan. Part number FX-2210.",
        )
    await desk.index_all()

    told = await quoting.ask(question, types=both)

    assert "Part number FX-2210." in told.text
    assert told.cited("heading") == {"Resolution"}
    assert told.sources[0]["type"] == "ticket"
    assert (await quoting.ask(question)).abstained is not None
    assert (await quoting.ask(question, types=both, audience=Audience.CUSTOMERS)).abstained is not None
    assert (await quoting.ask(question, types=both, ticket_id=ticket_id)).abstained is not None


async def test_a_follow_up_is_understood_by_the_question_before_it(quoting: Asker) -> None:
    alone = await quoting.ask("And what if it smells?")
    after = await quoting.ask("And what if it smells?", history=(BATTERY,))
    assert alone.cited() != {"Swollen laptop battery: stop and act"}
    assert after.cited() == {"Swollen laptop battery: stop and act"}
    assert (await _kept(quoting, after.done.id)).searched == f"{BATTERY}\nAnd what if it smells?"


async def test_a_question_that_points_to_its_ticket_is_completed_by_the_tickets_words(quoting: Asker) -> None:
    ticket_id = await quoting.desk.open(subject="Mailbox is full", body="I cannot send mail, my mailbox is full.")
    told = await quoting.ask("What should I tell her?", ticket_id=ticket_id)
    assert told.cited() == {"Mailbox full: make room"}
    with pytest.raises(QuestionGone):
        await quoting.ask("What should I tell her?", ticket_id=new_id())


async def test_who_leaves_ends_the_models_work_which_is_still_recorded(asker: Asker) -> None:
    asker.desk.ollama.always("/api/chat", slow(20))
    asker.settings = {"ask_phrasing": "always", "ask_timeout_s": 20}
    reached = asyncio.Event()

    async def read() -> None:
        async for event in asker.answering(HOTEL, **FOR_CUSTOMERS):
            assert isinstance(event, SourcesFound)
            reached.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(reached.wait(), 10)
    while not asker.desk.ollama.requests["/api/chat"]:  # noqa: ASYNC110 -- the server counts in a thread of its own
        await asyncio.sleep(0.02)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    [run] = await _runs(asker)
    assert (run.decision, run.error_class) == ("error", "AskerLeft")
    assert run.total_ms > 0
    assert await asker.desk.rows("SELECT 1 FROM rag_questions") == []
