"""Jobs that look after the articles of the knowledge base."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime

from helpdesk.models.values import JobPriority, UserRole
from helpdesk.queue.args import JobArgs


class PublishArticle(JobArgs):
    """Publish or archive an article, if that is still planned for this time."""

    job_type: ClassVar = "PUBLISH_ARTICLE"
    queue: ClassVar = "articles"
    priority: ClassVar = JobPriority.HIGH
    max_retries: ClassVar = 10
    timeout_s: ClassVar = 60

    article_id: UUID
    action: Literal["publish", "archive"] = "publish"
    at: AwareDatetime


class ReviewArticles(JobArgs):
    """Tell the owners of articles which are due for review or hold no longer, each of them once per date."""

    job_type: ClassVar = "REVIEW_ARTICLES"
    queue: ClassVar = "articles"
    priority: ClassVar = JobPriority.LOW
    timeout_s: ClassVar = 300
    enqueue_role: ClassVar = UserRole.ADMIN
