"""Put files on tickets, and get them back."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Request, Response, status
from fastapi.responses import FileResponse

from api.dependencies import CurrentUser, Now, ReadSession, ServicesOfApp, Transaction, Visitor, needs
from api.multipart import FileForm, NotAForm
from api.routes.ticket_reference import TicketId, TicketReference, about_ticket
from api.schemas.attachments import UPLOAD, AttachmentView
from api.services import Services
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import require_role
from helpdesk.attachments.commands import attach, detach
from helpdesk.attachments.orphans import remove_files
from helpdesk.attachments.queries import get_attachment, list_attachments, thumbnail_name_of
from helpdesk.attachments.receiving import FOLDER, ReceivedFile, receive
from helpdesk.attachments.thumbnails import THUMBNAILS
from helpdesk.database.engine import transaction_time
from helpdesk.models.values import AuthorKind, UserRole
from helpdesk.storage import Storage
from helpdesk.tickets.queries import ticket_id_of

router = APIRouter(tags=["attachments"])

# Whatever a file holds, a browser that is made to open it runs none of it.
_CAGE = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}}
}
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"description": "The picture.", "content": {"image/webp": {}}}}


@router.post(
    "/tickets/{ticket}/attachments",
    status_code=status.HTTP_201_CREATED,
    summary="Attach a file",
    openapi_extra=UPLOAD,
)
async def add_attachment(
    ticket: TicketReference, request: Request, response: Response, services: ServicesOfApp, user: Visitor
) -> AttachmentView:
    """Attach a file to a ticket, sent as the field `file` of a form; pictures get a thumbnail in the background."""
    require_role(user.role, UserRole.AGENT)
    form = FileForm(request)
    # Before the file is read, which may be large, and with no transaction open while it is.
    async with services.database.transaction(user.organization_id) as session:
        ticket_id = await ticket_id_of(session, organization_id=user.organization_id, reference=ticket)
    about_ticket(ticket_id)
    async with aclosing(form.pieces()) as pieces:
        file = await receive(
            pieces,
            storage=Storage(services.settings),
            organization_id=user.organization_id,
            most_bytes=services.settings.attachment_max_bytes,
        )
    view = await _attach(services, user, ticket_id=ticket_id, file=file, form=form)
    services.events.nudge()
    response.headers["Location"] = f"/api/v1/attachments/{view.id}"
    return view


@router.get("/tickets/{ticket}/attachments", summary="List a ticket's files")
async def list_files(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> list[AttachmentView]:
    """Read what is attached to a ticket, in the order it came."""
    rows = await list_attachments(session, organization_id=user.organization_id, ticket_id=ticket_id)
    return [AttachmentView.model_validate(row) for row in rows]


@router.get("/attachments/{attachment}", summary="Download a file", response_class=FileResponse, responses=_FILE)
async def download(attachment: UUID, session: ReadSession, user: CurrentUser, services: ServicesOfApp) -> FileResponse:
    """Download a file under its own name; it is always to be saved, never to be shown."""
    row = await get_attachment(session, organization_id=user.organization_id, attachment_id=attachment)
    storage = Storage(services.settings)
    return FileResponse(
        storage.existing(storage.path(FOLDER, user.organization_id, row.storage_name)),
        media_type=row.media_type,
        filename=row.name,
        content_disposition_type="attachment",
        headers=_CAGE | {"Cache-Control": "private, no-cache"},
    )


@router.get(
    "/attachments/{attachment}/thumbnail", summary="Read a thumbnail", response_class=FileResponse, responses=_PICTURE
)
async def thumbnail(attachment: UUID, session: ReadSession, user: CurrentUser, services: ServicesOfApp) -> FileResponse:
    """Read the small picture of a picture: WebP, at most 320 by 320 pixels."""
    row = await get_attachment(session, organization_id=user.organization_id, attachment_id=attachment)
    storage = Storage(services.settings)
    return FileResponse(
        storage.existing(storage.path(THUMBNAILS, user.organization_id, thumbnail_name_of(row))),
        media_type="image/webp",
        headers=_CAGE | {"Cache-Control": "private, max-age=3600"},
    )


@router.delete(
    "/attachments/{attachment}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a file",
    dependencies=[needs(UserRole.LEAD)],
)
async def remove_attachment(
    *,
    attachment: UUID,
    session: Transaction,
    user: CurrentUser,
    now: Now,
    services: ServicesOfApp,
    afterwards: BackgroundTasks,
) -> None:
    """Remove a file for good, its thumbnail with it; the ticket's history keeps its name. Takes the role lead."""
    row = await detach(
        session,
        organization_id=user.organization_id,
        attachment_id=attachment,
        now=now,
        actor_kind=AuthorKind.AGENT,
        actor_id=user.id,
    )
    # Runs once the transaction is committed; the sweep of orphans takes what a death in between leaves.
    afterwards.add_task(
        remove_files,
        Storage(services.settings),
        organization_id=user.organization_id,
        storage_name=row.storage_name,
        thumbnail_name=row.thumbnail_name,
    )


async def _attach(
    services: Services, user: SignedIn, *, ticket_id: UUID, file: ReceivedFile, form: FileForm
) -> AttachmentView:
    async with services.database.transaction(user.organization_id) as session:
        try:
            row = await attach(
                session,
                organization_id=user.organization_id,
                ticket_id=ticket_id,
                file=file,
                name=form.file_name,
                message_id=_message_id(form),
                now=await transaction_time(session),
                actor_kind=AuthorKind.AGENT,
                actor_id=user.id,
            )
        except BaseException:
            # Not when the commit fails, of which nobody knows for sure: the sweep of orphans finds out.
            await file.discard()
            raise
    return AttachmentView.model_validate(row)


def _message_id(form: FileForm) -> UUID | None:
    given = form.fields.get("message_id")
    if not given:
        return None
    try:
        return UUID(given)
    except ValueError:
        raise NotAForm("The field `message_id` is not an id.") from None
