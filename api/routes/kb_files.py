"""Articles as Markdown files: taken over from them, and written into them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import PurePosixPath
from typing import IO, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from api.dependencies import FROM_REPLICA, CurrentUser, ReadSession, ServicesOfApp, Visitor, needs
from api.multipart import FileForm
from api.schemas.bodies import Slug
from api.schemas.kb_files import UPLOAD, ImportView
from helpdesk.accounts.roles import require_role
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.queries import ArticleFilter
from helpdesk.kb.markdown.archives import ArchiveLimits, ArchiveTooLarge, MarkdownFile, is_zip, read_zip
from helpdesk.kb.markdown.exporting import write_zip
from helpdesk.kb.markdown.importing import MarkdownImport
from helpdesk.models.values import ArticleDoer, ArticleState, ArticleVisibility, UserRole

router = APIRouter(prefix="/kb", tags=["kb"])

MOST_BYTES = 10_000_000
# What a request takes over in seconds; the command line takes more.
_LIMITS = ArchiveLimits(entries=1000, total_bytes=20_000_000)
_IN_MEMORY = 2_000_000
_PIECE = 64 * 1024
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "A zip of Markdown files.", "content": {"application/zip": {}}}
}


@router.post("/import", summary="Import articles from Markdown", openapi_extra=UPLOAD)
async def import_articles(
    *,
    request: Request,
    services: ServicesOfApp,
    user: Visitor,
    dry_run: Annotated[bool, Query(description="Say what would happen and store nothing.")] = False,
    publish: Annotated[bool, Query(description="Publish what the files say no state of.")] = False,
) -> ImportView:
    """Take over articles from a Markdown file or a zip of them, in one transaction. Takes the role lead.

    An article is found by its `external_id`, or else by its slug: it is created, changed, or left alone where nothing
    differs. A file that is refused keeps none of the others back. A zip may have 10 MB, 1,000 entries and 20 MB
    unpacked; `atum-desk kb import` takes more.
    """
    require_role(user.role, UserRole.LEAD)
    form = FileForm(request)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as upload:
        size = 0
        async with aclosing(form.pieces()) as pieces:
            async for piece in pieces:
                size += len(piece)
                if size > MOST_BYTES:
                    raise ArchiveTooLarge(f"An import may have {MOST_BYTES:,} bytes.")
                upload.write(piece)
        # Unpacking computes, and other requests must not wait for it.
        files = await asyncio.to_thread(_files, upload, form.file_name or "article.md")
    editor = Editor(user.id, user.role, ArticleDoer.IMPORT)
    state = ArticleState.PUBLISHED if publish else ArticleState.DRAFT
    taking = MarkdownImport(user.organization_id, editor, user.now, state)
    async with services.database.transaction(user.organization_id) as session:
        reports = await taking.take(session, files, dry_run=dry_run)
    services.events.nudge()
    return ImportView.of(reports, dry_run=dry_run)


def _files(upload: IO[bytes], name: str) -> list[MarkdownFile]:
    if is_zip(upload):
        return list(read_zip(upload, _LIMITS))
    return [MarkdownFile(PurePosixPath(name.replace("\\", "/")).name or "article.md", upload.read())]


@router.get(
    "/export",
    summary="Export articles as Markdown",
    response_class=StreamingResponse,
    responses=_ZIP,
    dependencies=[FROM_REPLICA, needs(UserRole.AGENT)],
)
async def export_articles(
    *,
    session: ReadSession,
    user: CurrentUser,
    state: ArticleState | None = None,
    visibility: ArticleVisibility | None = None,
    category: Annotated[Slug | None, Query(description="Slug.")] = None,
    tag: Annotated[str | None, Query(max_length=200)] = None,
    product: Annotated[str | None, Query(max_length=200)] = None,
) -> StreamingResponse:
    """Download articles as a zip of Markdown files, which an import takes over unchanged. Takes the role agent."""
    wanted = ArticleFilter(state=state, visibility=visibility, category=category, tag=tag, product=product)
    # On disk once it is large; closed when the last piece has been sent.
    target = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    try:
        await write_zip(session, target, organization_id=user.organization_id, wanted=wanted)
    except BaseException:
        target.close()
        raise
    size = target.tell()
    return StreamingResponse(
        _pieces_of(target),
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="articles.zip"', "Content-Length": str(size)},
    )


def _pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece
