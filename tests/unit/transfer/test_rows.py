from datetime import UTC, datetime

import pytest

from helpdesk.models.values import ArticleVisibility, TicketPriority, TicketStatus
from helpdesk.transfer.article_rows import ArticleReader
from helpdesk.transfer.mapping import ARTICLE_COLUMNS, TICKET_COLUMNS, ColumnMapping
from helpdesk.transfer.pipeline import Pace, Pipeline, Stage
from helpdesk.transfer.rows import Row, RowRefused
from helpdesk.transfer.ticket_rows import TicketReader

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def _ticket(**values):
    return TicketReader(ColumnMapping(TICKET_COLUMNS), NOW).read(Row(1, values))


def _article(publish=True, visibility=None, **values):
    return ArticleReader(ColumnMapping(ARTICLE_COLUMNS), publish, visibility).read(Row(1, values))


def test_a_ticket_is_read_with_all_that_a_row_can_tell():
    ticket = _ticket(
        id=17,
        title="VPN down",
        description="<p>Since <b>nine</b>.</p><p>Help</p>",
        priority="P1",
        status="In progress",
        type="Service request",
        tags="vpn; home, vpn",
        requester="Ada Lovelace <ada@example.org>",
        created_at="2026-11-20T09:00:00+01:00",
        floor=3,
    )
    assert ticket.external_id == "17"
    assert (ticket.new.subject, ticket.new.body) == ("VPN down", "Since **nine**.\n\nHelp")
    assert ticket.new.priority is TicketPriority.URGENT
    assert ticket.status is TicketStatus.OPEN
    assert ticket.new.tags == ("vpn", "home")
    assert ticket.new.requester is not None
    assert (ticket.new.requester.email, ticket.new.requester.name) == ("ada@example.org", "Ada Lovelace")
    assert ticket.opened_at == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    assert ticket.new.custom == {"floor": 3}


def test_a_missing_subject_is_the_first_line_of_the_body_and_a_missing_body_is_the_subject():
    assert _ticket(body="\n  Printer jams  \nEvery morning.").new.subject == "Printer jams"
    assert _ticket(subject="Which PDF viewer?").new.body == "Which PDF viewer?"


def test_a_subject_too_long_is_cut_at_a_word_and_stands_whole_in_the_body():
    long = "word " * 100
    ticket = _ticket(subject=long, body="Details")
    assert len(ticket.new.subject) <= 200
    assert ticket.new.subject.endswith("word…")
    assert ticket.new.body == f"{long.strip()}\n\nDetails"


def test_the_answer_of_an_open_ticket_is_kept_apart_from_its_words():
    ticket = _ticket(subject="How?", reference_answer_html="<p>So.</p>")
    assert ticket.new.custom == {"answer": "So."}
    assert ticket.new.body == "How?"
    closed = _ticket(subject="How?", reference_answer_html="<p>So.</p>", status="closed")
    assert (closed.is_past, closed.answer, closed.new.custom) == (True, "So.", {})


def test_a_text_that_shows_a_tag_is_no_html():
    body = "My page says\n<div>hello</div>\nand nothing else."
    assert _ticket(subject="HTML", body=body).new.body == body


def test_none_is_no_category():
    assert _ticket(subject="a", intent="None").category is None
    assert _ticket(subject="a", intent="Make Update").category == "Make Update"


def test_rows_without_an_id_get_one_from_their_words_which_a_second_reading_finds_again():
    def ids():
        reader = TicketReader(ColumnMapping(TICKET_COLUMNS), NOW)
        return [reader.read(Row(line, {"subject": text})).external_id for line, text in enumerate("aba")]

    assert len(set(ids())) == 3
    assert ids() == ids()


@pytest.mark.parametrize(
    ("values", "field", "reason"),
    [
        ({"subject": " ", "body": ""}, "subject", "neither a subject nor a body"),
        ({"subject": "a", "priority": "asap"}, "priority", "'asap' is none of low, normal"),
        ({"subject": "a", "status": "lost"}, "status", "none of new, open"),
        ({"subject": "a", "email": "nobody"}, "requester_email", "not an e-mail address"),
        ({"subject": "a", "created_at": "yesterday"}, "created_at", "not a time"),
        ({"subject": "a", "created_at": "2027-01-01"}, "created_at", "in the future"),
        ({"subject": "a", "created": "2026-02-02", "closed": "2026-01-01"}, "solved_at", "before it was opened"),
        ({"subject": "a\0b"}, "subject", "NUL"),
        ({"subject": "a", "x": {"y": ["\0"]}}, "x", "NUL"),
        ({"subject": "a", "note": "\udcff"}, "note", "not text in UTF-8"),
        ({"subject": "a", "x": float("inf")}, "x", "number that is none"),
        ({"subject": "a", "body": "x" * 200_001}, "body", "200,001 characters"),
        ({"subject": ["a"]}, "subject", "not a text"),
        ({"subject": "a", "tags": [{}]}, "tags", "not a list of words"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_and_a_sentence(values, field, reason):
    with pytest.raises(RowRefused, match=reason) as refused:
        _ticket(**values)
    assert refused.value.field == field


def test_an_article_keeps_its_licence_its_source_and_its_language():
    article = _article(
        article_id="a-1",
        title="Richten Sie den Drucker ein",
        body_markdown="# Drucker\n\nÖffnen Sie die Einstellungen und wählen Sie den Drucker aus.",
        summary=None,
        source_repo="Example/Docs",
        source_path="a/b.md",
        license="CC0-1.0",
        category="Devices / Printers",
    )
    assert (article.external_id, article.language, article.summary) == ("a-1", "de", "")
    assert article.source_url == "Example/Docs/a/b.md"
    assert article.tags == ("license:CC0-1.0",)
    assert (article.visibility, article.is_draft) == (ArticleVisibility.PUBLIC, False)


def test_an_article_without_a_title_takes_its_first_heading():
    assert _article(body="Intro\n## Reset it ##\nWords").title == "Reset it"
    with pytest.raises(RowRefused, match="no title"):
        _article(body="Only words")


def test_an_article_without_words_is_refused():
    with pytest.raises(RowRefused, match="no words"):
        _article(title="T", body=" ")


def test_who_may_read_is_what_the_caller_says_before_what_the_row_says():
    assert _article(title="T", body="b", visibility=None, audience="staff").visibility is ArticleVisibility.AGENTS
    chosen = _article(title="T", body="b", visibility=ArticleVisibility.CUSTOMERS, audience="public")
    assert chosen.visibility is ArticleVisibility.CUSTOMERS


def test_a_draft_stays_a_draft_even_when_articles_are_published():
    assert _article(title="T", body="b", state="draft").is_draft
    assert _article(title="T", body="b", draft=True).is_draft
    assert _article(publish=False, title="T", body="b").is_draft


def _stage(waiting, ended, name="A"):
    return Stage(name, waiting, 0, ended, 0, 0, None, None)


def test_the_time_left_is_that_of_the_slowest_stage_or_of_all_work_and_unknown_while_nothing_moves():
    pace = Pace()
    assert pace.seconds_left([_stage(10, 0)], at=0.0) is None
    assert pace.seconds_left([_stage(8, 2), _stage(1, 0, "B")], at=4.0) == 18.0
    assert pace.seconds_left([_stage(6, 4), _stage(0, 1, "B")], at=8.0) == 12.0


def test_work_without_a_worker_is_noticed():
    index = Stage("index", 1, 0, 0, 0, 0, None, None)
    assert Pipeline((_stage(0, 3), index), frozenset({"job"})).missing_workers == ("rag",)
    assert Pipeline((_stage(2, 3), index), frozenset({"rag"})).missing_workers == ("job",)
