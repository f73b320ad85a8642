"""Which steps an article may take, from where and by whom; pure.

A new article is a draft. A version of its words is handed in for review, and approved or sent back; publishing lets
readers see a version, archiving takes the article away from them, and restoring makes a draft of it again. While a
published article has newer words, these go through review beside it, and readers keep the published ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from helpdesk.errors import Conflict, Forbidden
from helpdesk.models.values import ArticleDoer, ArticleState, UserRole

_RANK = {role: rank for rank, role in enumerate(UserRole)}


class StepRefused(Conflict):
    """The article cannot take this step from where it stands."""


class StepForbidden(Forbidden):
    """The user's role does not allow this step."""


class Step(StrEnum):
    """What somebody does with an article."""

    SUBMIT = "hand in for review"
    WITHDRAW = "take back from review"
    APPROVE = "approve"
    REJECT = "send back"
    PUBLISH = "publish"
    ARCHIVE = "archive"
    RESTORE = "restore"
    DELETE = "delete"
    SHOW_OTHERS = "change who may read"


@dataclass(frozen=True)
class Editor:
    """Who takes a step.

    Attributes:
        user_id: None where no user of the product does, such as whoever runs a command on the host.
    """

    user_id: UUID | None = None
    role: UserRole = UserRole.ADMIN
    through: ArticleDoer = ArticleDoer.USER

    def is_at_least(self, least: UserRole) -> bool:
        """Tell whether the editor may do what a role may."""
        return _RANK[self.role] >= _RANK[least]


@dataclass(frozen=True)
class Standing:
    """Where an article stands, as far as its steps depend on it.

    Attributes:
        in_review: whether a version waits for a verdict.
        is_approved: whether the version in question has been approved.
        is_own: whether the editor owns or wrote the article.
        was_published: whether readers have ever seen a version.
        has_newer_words: whether there are words that readers do not see.
    """

    state: ArticleState
    in_review: bool = False
    is_approved: bool = False
    is_own: bool = False
    was_published: bool = False
    has_newer_words: bool = True


@dataclass(frozen=True)
class _Rule:
    least_role: UserRole
    from_states: frozenset[ArticleState]


_LIVE = frozenset((ArticleState.DRAFT, ArticleState.REVIEW, ArticleState.PUBLISHED))
_RULES = {
    Step.SUBMIT: _Rule(UserRole.AGENT, frozenset((ArticleState.DRAFT, ArticleState.PUBLISHED))),
    Step.WITHDRAW: _Rule(UserRole.AGENT, frozenset((ArticleState.REVIEW, ArticleState.PUBLISHED))),
    Step.APPROVE: _Rule(UserRole.LEAD, frozenset((ArticleState.REVIEW, ArticleState.PUBLISHED))),
    Step.REJECT: _Rule(UserRole.LEAD, frozenset((ArticleState.REVIEW, ArticleState.PUBLISHED))),
    Step.PUBLISH: _Rule(UserRole.LEAD, _LIVE),
    Step.ARCHIVE: _Rule(UserRole.LEAD, _LIVE),
    Step.RESTORE: _Rule(UserRole.LEAD, frozenset((ArticleState.ARCHIVED,))),
    Step.DELETE: _Rule(UserRole.LEAD, frozenset((ArticleState.DRAFT, ArticleState.REVIEW))),
    Step.SHOW_OTHERS: _Rule(UserRole.LEAD, frozenset(ArticleState)),
}
_NEEDS_REVIEW = frozenset((Step.WITHDRAW, Step.APPROVE, Step.REJECT))


def check(step: Step, standing: Standing, editor: Editor) -> None:
    """Let a step pass that the article may take and the editor may have it take.

    Raises:
        StepForbidden: it takes a higher role.
        StepRefused: not from where the article stands.
    """
    least = _least_role(step, standing)
    if not editor.is_at_least(least):
        raise StepForbidden(f"To {step} this article takes the role {least}; yours is {editor.role}.")
    if reason := _reason(step, standing):
        raise StepRefused(reason, state=str(standing.state))


def _least_role(step: Step, standing: Standing) -> UserRole:
    match step:
        case Step.PUBLISH if standing.is_approved:
            return UserRole.AGENT
        case Step.DELETE if standing.is_own:
            return UserRole.AGENT
        case Step.SHOW_OTHERS if standing.state is not ArticleState.PUBLISHED:
            return UserRole.AGENT
        case _:
            return _RULES[step].least_role


def _reason(step: Step, standing: Standing) -> str | None:
    """Return why an article cannot take a step, None where it can."""
    if step is Step.SUBMIT and standing.in_review:
        return "A version of the article waits for review already."
    if standing.state not in _RULES[step].from_states:
        hint = "; restore it first" if standing.state is ArticleState.ARCHIVED else ""
        return f"An article that is {_NAMES[standing.state]} cannot take this step ({step}){hint}."
    if step in _NEEDS_REVIEW and not standing.in_review:
        return "No version of the article waits for review."
    if step is Step.SUBMIT and not standing.has_newer_words:
        return "Its latest words are published already."
    if step is Step.DELETE and standing.was_published:
        return "Readers have seen this article, so it is kept; archive it instead."
    return None


_NAMES = {
    ArticleState.DRAFT: "a draft",
    ArticleState.REVIEW: "in review",
    ArticleState.PUBLISHED: "published",
    ArticleState.ARCHIVED: "archived",
}
