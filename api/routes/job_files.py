"""Files that jobs make: exports and reports."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from api.dependencies import CurrentUser, ReadSession, ServicesOfApp
from api.schemas.job_files import JobFileView
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.files import file_of_job, files_of_job, open_place
from helpdesk.storage import Storage

router = APIRouter(prefix="/jobs/{job_id}/files", tags=["jobs"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
    206: {"description": "The part of it that `Range` asks for."},
}


@router.get("", summary="List the files of a job")
async def list_files(job_id: UUID, session: ReadSession, user: CurrentUser) -> list[JobFileView]:
    """Read what files a job has made; takes the role that may enqueue such a job."""
    found = await files_of_job(session, organization_id=user.organization_id, job_id=job_id)
    _require(user, found.job_type)
    return [JobFileView.model_validate(file) for file in found.files]


@router.get("/{name}", summary="Download a file of a job", response_class=FileResponse, responses=_FILE)
async def download_file(
    job_id: UUID,
    name: Annotated[str, Path(max_length=200)],
    session: ReadSession,
    user: CurrentUser,
    services: ServicesOfApp,
) -> FileResponse:
    """Download a file; `Range` and `If-Range` continue a download, `ETag` is its SHA-256."""
    file = await file_of_job(session, organization_id=user.organization_id, job_id=job_id, name=name)
    _require(user, file.job_type)
    return FileResponse(
        open_place(Storage(services.settings), file),
        media_type=file.media_type,
        filename=file.name,
        # A page of ours is to be kept, not shown from this address.
        content_disposition_type="attachment",
        headers={
            "ETag": f'"{file.sha256}"',
            "Cache-Control": "private, no-store",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        },
    )


def _require(user: SignedIn, job_type: str) -> None:
    """Let pass who may enqueue such a job; what the product alone enqueues is for administrators."""
    kind = JOB_TYPES.get(job_type)
    require_role(user.role, (kind and kind.enqueue_role) or UserRole.ADMIN)
