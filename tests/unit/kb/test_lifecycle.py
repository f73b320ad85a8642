from itertools import product

import pytest

from helpdesk.kb.articles.lifecycle import Editor, Standing, Step, StepForbidden, StepRefused, check
from helpdesk.models.values import ArticleState, UserRole

DRAFT, REVIEW, PUBLISHED, ARCHIVED = ArticleState
LEAD, AGENT, VIEWER = Editor(role=UserRole.LEAD), Editor(role=UserRole.AGENT), Editor(role=UserRole.VIEWER)

# What may be done with an article whose latest words wait for review where the state or the step says so.
ALLOWED = {
    DRAFT: {Step.SUBMIT, Step.PUBLISH, Step.ARCHIVE, Step.DELETE},
    REVIEW: {Step.WITHDRAW, Step.APPROVE, Step.REJECT, Step.PUBLISH, Step.ARCHIVE, Step.DELETE},
    PUBLISHED: {Step.SUBMIT, Step.PUBLISH, Step.ARCHIVE},
    ARCHIVED: {Step.RESTORE},
}


def may(step: Step, standing: Standing, editor: Editor = LEAD) -> bool:
    try:
        check(step, standing, editor)
    except (StepForbidden, StepRefused):
        return False
    return True


@pytest.mark.parametrize("state", ArticleState)
def test_each_state_allows_the_steps_that_lead_on_and_no_others(state: ArticleState) -> None:
    standing = Standing(state, in_review=state is REVIEW)
    assert {step for step in Step if may(step, standing)} == ALLOWED[state] | {Step.SHOW_OTHERS}


def test_newer_words_of_a_published_article_go_through_review_beside_it() -> None:
    waiting = Standing(PUBLISHED, in_review=True)
    assert all(may(step, waiting) for step in (Step.WITHDRAW, Step.APPROVE, Step.REJECT, Step.PUBLISH))
    assert not may(Step.SUBMIT, waiting)
    assert not may(Step.SUBMIT, Standing(PUBLISHED, has_newer_words=False))


def test_agents_write_and_hand_in_and_leads_decide() -> None:
    waiting = Standing(REVIEW, in_review=True)
    assert may(Step.SUBMIT, Standing(DRAFT), AGENT)
    assert may(Step.WITHDRAW, waiting, AGENT)
    for step in (Step.APPROVE, Step.REJECT, Step.PUBLISH, Step.ARCHIVE):
        assert not may(step, waiting, AGENT)
        assert may(step, waiting, LEAD)
    assert not may(Step.RESTORE, Standing(ARCHIVED), AGENT)


def test_an_agent_publishes_what_was_approved() -> None:
    assert may(Step.PUBLISH, Standing(REVIEW, in_review=True, is_approved=True), AGENT)
    assert not may(Step.PUBLISH, Standing(ARCHIVED, is_approved=True), AGENT)


def test_a_draft_is_deleted_by_whom_it_belongs_to_and_never_after_readers_saw_it() -> None:
    assert may(Step.DELETE, Standing(DRAFT, is_own=True), AGENT)
    assert not may(Step.DELETE, Standing(DRAFT), AGENT)
    assert not may(Step.DELETE, Standing(DRAFT, was_published=True), LEAD)


def test_who_may_read_a_published_article_is_a_lead_s_to_say() -> None:
    assert may(Step.SHOW_OTHERS, Standing(DRAFT), AGENT)
    assert not may(Step.SHOW_OTHERS, Standing(PUBLISHED), AGENT)


def test_a_viewer_takes_no_step_from_anywhere() -> None:
    standings = [
        Standing(state, in_review=in_review, is_approved=approved, is_own=own)
        for state, in_review, approved, own in product(ArticleState, (False, True), (False, True), (False, True))
    ]
    assert not any(may(step, standing, VIEWER) for step in Step for standing in standings)


def test_a_refusal_says_what_to_do_first() -> None:
    with pytest.raises(StepRefused, match="restore it first"):
        check(Step.PUBLISH, Standing(ARCHIVED), LEAD)
    with pytest.raises(StepForbidden, match="takes the role lead; yours is agent"):
        check(Step.ARCHIVE, Standing(PUBLISHED), AGENT)
