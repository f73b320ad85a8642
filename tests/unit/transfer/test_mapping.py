import pytest

from helpdesk.transfer.mapping import ARTICLE_COLUMNS, TICKET_COLUMNS, ColumnMapping, WrongMapping, parse_choices


def test_usual_names_are_found_in_any_spelling():
    mapping = ColumnMapping(TICKET_COLUMNS)
    found = mapping.columns_of(("Ticket ID", "Short Description", "description", "Created-At", "Requester Email"))
    assert found == {
        "external_id": "Ticket ID",
        "subject": "Short Description",
        "body": "description",
        "created_at": "Created-At",
        "requester_email": "Requester Email",
    }


def test_a_question_with_its_reference_answer_is_recognised():
    values = {
        "ticket_id": "x-1",
        "url": "http://example.org",
        "subject": "How?",
        "intent": "Make Update",
        "entities": [],
        "reference_answer_html": "<p>So.</p>",
    }
    picked = ColumnMapping(TICKET_COLUMNS).pick(values)
    assert picked.fields == {
        "external_id": "x-1",
        "subject": "How?",
        "category": "Make Update",
        "answer": "<p>So.</p>",
    }
    assert picked.html == {"answer"}
    assert picked.rest == {"url": "http://example.org"}


def test_what_the_caller_says_wins_and_its_column_serves_no_other_field():
    mapping = ColumnMapping(TICKET_COLUMNS, parse_choices(["body=title", "team="], fields=list(TICKET_COLUMNS)))
    picked = mapping.pick({"title": "All of it", "group": "desk", "summary": "Short"})
    assert picked.fields == {"body": "All of it", "subject": "Short"}
    assert picked.rest == {"group": "desk"}


def test_a_chosen_column_that_no_row_has_is_told():
    mapping = ColumnMapping(ARTICLE_COLUMNS, {"title": "headlin", "body": "text"})
    mapping.pick({"text": "words", "title": "T"})
    assert mapping.never_found() == ["headlin"]


def test_rows_may_have_different_columns():
    mapping = ColumnMapping(TICKET_COLUMNS)
    assert mapping.pick({"title": "a"}).fields == {"subject": "a"}
    assert mapping.pick({"subject": "b", "title": "c"}).fields == {"subject": "b"}


@pytest.mark.parametrize(
    ("said", "reason"),
    [(["subject"], "not of the form"), (["color=x"], "no field 'color'"), (["body=a", "body=b"], "mapped twice")],
)
def test_a_wrong_choice_is_refused_in_a_sentence(said, reason):
    with pytest.raises(WrongMapping, match=reason):
        parse_choices(said, fields=list(TICKET_COLUMNS))
