"""Load the demo organisation, once, through the product's own commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts import commands as accounts
from helpdesk.accounts.queries import organization_of_slug, user_by_email
from helpdesk.accounts.team_commands import change_team
from helpdesk.assets.commands import NewAsset, create_asset
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.demo.files import articles, read_yaml
from helpdesk.demo.past import past_ticket
from helpdesk.errors import Conflict
from helpdesk.kb.articles.commands import NewArticle, create_article, publish_article
from helpdesk.models.accounts import Organization
from helpdesk.models.jobs import IndexTask
from helpdesk.models.values import ArticleVisibility, IndexStatus, UserRole
from helpdesk.sla.calendars.commands import create_calendar
from helpdesk.sla.calendars.holiday_exceptions import HolidayRequest, find_holidays, with_holidays
from helpdesk.sla.policies.commands import await_validity, create_policy
from helpdesk.tickets.history import add_past_ticket

# Half a year from one look at an article to the next.
_REVIEW_DAYS = 180
# Of a policy, where it has them.
_FURTHER_PARTS = ("conditions", "pause_on", "thresholds", "actions", "valid_from", "valid_until")


class NotTheDemo(Conflict):
    """The demo's user is gone from the demo organisation."""


@dataclass(frozen=True)
class LoadedDemo:
    """The demo organisation.

    Attributes:
        email: whom to sign in as.
        created: whether it was loaded just now.
    """

    slug: str
    email: str
    created: bool


@dataclass
class _Ids:
    """Ids by slug or e-mail address, as they come to be."""

    teams: dict[str, UUID] = field(default_factory=dict)
    users: dict[str, UUID] = field(default_factory=dict)
    categories: dict[str, UUID] = field(default_factory=dict)
    # Who leads the team of a category, and so looks after its articles.
    owners: dict[str, UUID] = field(default_factory=dict)
    leads: dict[str, UUID] = field(default_factory=dict)
    companies: dict[str, UUID] = field(default_factory=dict)
    contacts: dict[str, UUID] = field(default_factory=dict)


async def load_demo(database: Database, *, password: str, now: datetime) -> LoadedDemo:
    """Load the demo organisation in one transaction, unless it is there; the demo's user signs in with `password`.

    What is loaded is queued for the search index; no past ticket causes other work.

    Raises:
        PasswordTooShort: it has fewer than 8 characters.
    """
    content = read_yaml("organization.yaml")
    demo_user = content["users"][0]["email"]
    async with database.transaction(None) as session:
        present = await organization_of_slug(session, slug=content["slug"])
    if present is not None:
        return LoadedDemo(content["slug"], demo_user, created=False)
    organization_id = new_id()
    async with database.transaction(organization_id) as session:
        await accounts.create_organization(
            session,
            slug=content["slug"],
            name=content["name"],
            organization_id=organization_id,
            timezone=content["timezone"],
        )
        load = _Load(session, organization_id, now)
        await load.people(content, password=password)
        await load.promises(content)
        # The index takes things in as they come, and what answers tickets comes first.
        await load.articles()
        await load.assets()
        await load.history(ZoneInfo(content["timezone"]))
    return LoadedDemo(content["slug"], demo_user, created=True)


async def whose_database(database: Database) -> Literal["nobody", "demo", "others"]:
    """Return who has organisations in a database: nobody yet, the demo, or only others."""
    slug = read_yaml("organization.yaml")["slug"]
    async with database.transaction(None) as session:
        slugs = set(await session.scalars(select(Organization.slug)))
    if not slugs:
        return "nobody"
    return "demo" if slug in slugs else "others"


async def index_backlog(database: Database, *, slug: str) -> int:
    """Return how many articles, tickets and assets of an organisation the search index has not taken in yet."""
    async with database.transaction(None) as session:
        organization = await organization_of_slug(session, slug=slug)
    if organization is None:
        return 0
    waiting = select(func.count()).where(
        IndexTask.organization_id == organization.id,
        IndexTask.status.in_([IndexStatus.PENDING, IndexStatus.RUNNING]),
    )
    async with database.transaction(organization.id) as session:
        return await session.scalar(waiting) or 0


async def set_demo_password(database: Database, *, password: str) -> None:
    """Give the demo's user another password, where the one of the first start is lost.

    Raises:
        NotTheDemo: the organisation or its user is gone.
    """
    content = read_yaml("organization.yaml")
    async with database.transaction(None) as session:
        organization = await organization_of_slug(session, slug=content["slug"])
    if organization is None:
        raise NotTheDemo
    async with database.transaction(organization.id) as session:
        user = await user_by_email(session, organization_id=organization.id, email=content["users"][0]["email"])
        if user is None:
            raise NotTheDemo
        await accounts.set_password(session, user=user, password=password)


class _Load:
    """One loading: the session, the organisation and what has been made so far."""

    def __init__(self, session: AsyncSession, organization_id: UUID, now: datetime) -> None:
        self.session = session
        self.organization_id = organization_id
        self.now = now
        self.ids = _Ids()

    async def people(self, content: dict[str, Any], *, password: str) -> None:
        """Make teams with their leads, users, categories, companies and contacts; the first user has a password."""
        session, scope, ids = self.session, self.organization_id, self.ids
        for team in content["teams"]:
            ids.teams[team["slug"]] = (await accounts.create_team(session, organization_id=scope, **team)).id
        for number, user in enumerate(content["users"]):
            made = await accounts.create_user(
                session,
                organization_id=scope,
                email=user["email"],
                name=user["name"],
                role=UserRole(user["role"]),
                password=password if number == 0 else None,
                team_ids=[ids.teams[slug] for slug in user["teams"]],
            )
            ids.users[user["email"]] = made.id
            if made.role == UserRole.LEAD:
                for slug in user["teams"]:
                    changes = {"lead_id": made.id}
                    await change_team(session, organization_id=scope, team_id=ids.teams[slug], changes=changes)
                    ids.leads[slug] = made.id
        for category in content["categories"]:
            fields = {name: category[name] for name in ("slug", "name", "description")}
            made_category = await accounts.create_category(
                session, organization_id=scope, team_id=ids.teams[category["team"]], **fields
            )
            ids.categories[category["slug"]] = made_category.id
            ids.owners[category["slug"]] = ids.leads[category["team"]]
        await self._customers(content)

    async def _customers(self, content: dict[str, Any]) -> None:
        session, scope, ids = self.session, self.organization_id, self.ids
        for company in content["companies"]:
            fields = {name: company[name] for name in ("name", "domains", "tier")}
            ids.companies[company["slug"]] = (
                await accounts.create_company(session, organization_id=scope, **fields)
            ).id
        for contact in content["contacts"]:
            made = await accounts.create_contact(
                session,
                organization_id=scope,
                email=contact["email"],
                name=contact["name"],
                company_id=ids.companies[contact["company"]],
                locale=contact["locale"],
                vip=contact.get("vip", False),
            )
            ids.contacts[contact["email"]] = made.id

    async def promises(self, content: dict[str, Any]) -> None:
        """Make calendars and policies, the policies in their order."""
        for name, hours in content["calendars"].items():
            definition = {part: value for part, value in hours.items() if part != "holidays"}
            if wanted := hours.get("holidays"):
                years = (self.now.year, self.now.year + 1)
                found = find_holidays([HolidayRequest(**wanted, years=years)])
                definition = with_holidays(definition, found).definition
            await create_calendar(
                self.session, organization_id=self.organization_id, name=name, definition=definition, now=self.now
            )
        for position, policy in enumerate(content["sla_policies"]):
            made = await create_policy(
                self.session,
                organization_id=self.organization_id,
                name=policy["name"],
                position=position,
                calendar=policy["calendar"],
                targets=policy["targets"],
                is_default=policy.get("default", False),
                **{part: policy[part] for part in _FURTHER_PARTS if part in policy},
            )
            await await_validity(self.session, policy=made, now=self.now)

    async def assets(self) -> None:
        """Register the equipment with its owners."""
        for asset in read_yaml("assets.yaml"):
            owner = asset.pop("owner")
            new = NewAsset(**asset, owner_id=self.ids.contacts.get(owner))
            await create_asset(self.session, organization_id=self.organization_id, new=new, now=self.now)

    async def articles(self) -> None:
        """Write and publish the knowledge base."""
        for article in articles():
            new = NewArticle(
                title=article.title,
                body=article.body,
                summary=article.summary,
                visibility=ArticleVisibility(article.visibility),
                slug=article.slug,
                category_id=self.ids.categories[article.category],
                tags=article.tags,
                products=article.products,
                review_at=article.review_at,
                review_every_days=_REVIEW_DAYS,
                owner_id=self.ids.owners[article.category],
            )
            made = await create_article(
                self.session, organization_id=self.organization_id, new=new, author_id=None, now=self.now
            )
            await publish_article(self.session, organization_id=self.organization_id, article_id=made.id, now=self.now)

    async def history(self, zone: ZoneInfo) -> None:
        """Take over the closed tickets."""
        for entry in read_yaml("closed_tickets.yaml"):
            past = past_ticket(entry, users=self.ids.users, contacts=self.ids.contacts, zone=zone, now=self.now)
            await add_past_ticket(self.session, organization_id=self.organization_id, past=past)
