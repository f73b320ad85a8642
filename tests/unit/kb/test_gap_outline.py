from __future__ import annotations

from markdown_it import MarkdownIt

from helpdesk.kb.gaps.outline import Solved, outline_of, title_of


def test_a_draft_holds_the_questions_and_what_solved_them_without_addresses_and_numbers() -> None:
    solved = Solved(
        12,
        "Badge of jo@desk.example",
        "Ordered with facilities, call +43 660 1234567.",
        ["Your badge is ready. Write to facilities@desk.example if not."],
    )
    body = outline_of("badge, garage", ["My badge fails\nat the gate, mail kim@desk.example"], [solved])
    assert "- My badge fails at the gate, mail \\[email\\]" in body
    assert "### Ticket #12: Badge of \\[email\\]" in body
    assert "> Ordered with facilities, call \\[phone\\]." in body
    assert "> Your badge is ready." in body
    assert "desk.example" not in body
    assert "1234567" not in body


def test_what_a_ticket_says_is_shown_and_never_obeyed() -> None:
    reply = "# Big\n![x](https://evil.example/x.png)\n<script>alert(1)</script>\n- [click](javascript:1)\n```\ncode"
    shown = MarkdownIt("commonmark").render(outline_of("x", ["1. <b>bold</b> [a](http://e.example)"], [
        Solved(1, "s", None, [reply]),
    ]))  # fmt: skip
    for tag in ("<script", "<img", "<a ", "<b>", "<h1", "<pre"):
        assert tag not in shown
    assert "evil.example" in shown


def test_the_working_title_is_the_most_typical_question_in_one_line() -> None:
    assert title_of("badge", ["How do I order a badge?\n\nKim"]) == "How do I order a badge?"
    assert title_of("badge, garage", []) == "badge, garage"
    assert len(title_of("x", ["word " * 100])) <= 120
