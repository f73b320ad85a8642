"""What customers thought: links for agents to send, and the page behind them, which needs no account."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Path, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from api.dependencies import CurrentUser, DatabaseNow, Now, ReadSession, ServicesOfApp, Transaction
from api.routes.ticket_reference import TicketId
from api.schemas.satisfaction import AskedView, NewRating, RatingView, SatisfactionLinkView
from helpdesk.satisfaction.commands import make_link, rate
from helpdesk.satisfaction.links import LinkNotValid, read_link_token
from helpdesk.satisfaction.page import not_valid_page, question_page, thanks_page
from helpdesk.satisfaction.queries import Asked, asked_by, ratings_of

router = APIRouter(tags=["metrics"])

_PATH = "/api/v1/satisfaction"
_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page, or JSON where that is asked for.", "content": {"text/html": {}}},
    404: {"description": "There is no such link, or it is too old."},
    429: {"description": "There were too many requests from this address."},
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {"score": {"type": "integer"}, "comment": {"type": "string"}},
                    "required": ["score"],
                }
            },
            "application/json": {"schema": NewRating.model_json_schema()},
        },
    }
}
_MOST_FIELDS = 20
_NO_SCORE = "Please choose a rating, and keep the comment short."


def _wants_page(request: Request) -> bool:
    return "application/json" not in request.headers.get("accept", "")


def _admit(request: Request, services: ServicesOfApp) -> None:
    services.visits.admit(request.client.host if request.client else "")


LinkText = Annotated[str, Path(description="The token of a link.", max_length=200)]
Admitted = Depends(_admit)


@router.post(
    "/tickets/{ticket}/satisfaction-link", status_code=status.HTTP_201_CREATED, summary="Make a link to rate a ticket"
)
async def new_link(
    *, ticket_id: TicketId, session: Transaction, user: CurrentUser, now: Now, services: ServicesOfApp, request: Request
) -> SatisfactionLinkView:
    """Make a link by which the requester rates how they were helped; it is shown this once and holds for 30 days."""
    made = await make_link(session, organization_id=user.organization_id, ticket_id=ticket_id, user_id=user.id, now=now)
    base = (services.settings.public_url or str(request.base_url)).rstrip("/")
    return SatisfactionLinkView(url=f"{base}{_PATH}/{made.token}", token=made.token, expires_at=made.expires_at)


@router.get("/tickets/{ticket}/satisfaction", summary="Read how a ticket was rated")
async def ratings(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> list[RatingView]:
    """Read what the requester answered, the newest first; only that one counts."""
    found = await ratings_of(session, organization_id=user.organization_id, ticket_id=ticket_id)
    return [RatingView.model_validate(row) for row in found]


@router.get(
    "/satisfaction/{token}", summary="Open a link", response_model=AskedView, responses=_PAGE, dependencies=[Admitted]
)
async def open_link(token: LinkText, request: Request, services: ServicesOfApp, now: DatabaseNow) -> Any:
    """Open a link: a page with a form; nothing is stored by that. It shows the subject of the ticket, and no more."""
    try:
        asked = await _asked(token, services, now)
    except LinkNotValid:
        return _gone(request)
    if _wants_page(request):
        return HTMLResponse(question_page(asked), headers=_PRIVATE)
    return AskedView.model_validate(asked)


@router.post(
    "/satisfaction/{token}",
    summary="Answer a link",
    response_model=AskedView,
    responses=_PAGE,
    openapi_extra=_FORM,
    dependencies=[Admitted],
)
async def answer(token: LinkText, request: Request, services: ServicesOfApp, now: DatabaseNow) -> Any:
    """Answer by a link, as the form or as JSON; a second answer within seven days replaces the first."""
    try:
        asked = await _asked(token, services, now)
        rating = await _rating(request)
        if rating is None:
            page = question_page(asked, refused=_NO_SCORE)
            return HTMLResponse(page, status.HTTP_422_UNPROCESSABLE_CONTENT, headers=_PRIVATE)
        link = read_link_token(token)
        async with services.database.transaction(link.organization_id) as session:
            await rate(session, token=link, score=rating.score, comment=rating.comment, now=now)
        services.events.nudge()
        asked = await _asked(token, services, now)
    except LinkNotValid:
        return _gone(request)
    if _wants_page(request):
        return HTMLResponse(thanks_page(asked), headers=_PRIVATE)
    return AskedView.model_validate(asked)


async def _asked(token: str, services: ServicesOfApp, now: DatabaseNow) -> Asked:
    link = read_link_token(token)
    async with services.database.transaction(link.organization_id) as session:
        return await asked_by(session, token=link, now=now)


async def _rating(request: Request) -> NewRating | None:
    """Read the answer; None for a form that is not filled in right, which is then shown again.

    Raises:
        RequestValidationError: JSON that is not an answer.
    """
    body = await request.body()
    if "json" in request.headers.get("content-type", ""):
        try:
            return NewRating.model_validate_json(body)
        except ValidationError as error:
            raise RequestValidationError(
                [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
            ) from error
    try:
        found = parse_qs(body.decode(errors="replace"), max_num_fields=_MOST_FIELDS)
        fields = {name: values[-1] for name, values in found.items()}
        # Forms send two characters where a line ends.
        return NewRating.model_validate(fields | {"comment": fields.get("comment", "").replace("\r\n", "\n")})
    except ValueError:
        return None


def _gone(request: Request) -> Response:
    if _wants_page(request):
        return HTMLResponse(not_valid_page(), status.HTTP_404_NOT_FOUND, headers=_PRIVATE)
    raise LinkNotValid
