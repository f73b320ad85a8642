"""Tell people of articles, through the notifications that they have chosen."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.models.kb import Article
from helpdesk.models.values import NoticeKind
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.queue.enqueue import enqueue


async def tell(
    session: AsyncSession,
    *,
    article: Article,
    kind: NoticeKind,
    sentence: str,
    title: str,
    people: Iterable[UUID | None],
    key: str,
    editor: Editor | None = None,
) -> None:
    """Queue a notice about an article in the session's transaction.

    Args:
        sentence: what there is to tell.
        title: of the article.
        people: whom to tell; where none of them is active, those who lead the desk.
        key: tells this occasion from the others of its kind and article.
        editor: whose doing it was, who is not told.
    """
    notice = DeliverNotification(
        kind=kind,
        article_id=article.id,
        dedupe_key=f"{kind}:{article.id}:{key}",
        title=sentence,
        who=(),
        user_ids=tuple(dict.fromkeys(person for person in people if person is not None)),
        actor_id=None if editor is None else editor.user_id,
        data={"article_id": str(article.id), "article_slug": article.slug, "article_title": title},
    )
    await enqueue(session, notice, organization_id=article.organization_id, unique_key=notice.dedupe_key)
