"""The closed sets of values that columns take."""

from __future__ import annotations

from enum import StrEnum


class TicketStatus(StrEnum):
    """Where a ticket stands."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    SOLVED = "solved"
    CLOSED = "closed"


class TicketPriority(StrEnum):
    """How soon a ticket must be answered."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class TicketType(StrEnum):
    """What kind of concern a ticket is."""

    INCIDENT = "incident"
    REQUEST = "request"
    QUESTION = "question"
    PROBLEM = "problem"


class AuthorKind(StrEnum):
    """Who wrote a message or caused an event."""

    CUSTOMER = "customer"
    AGENT = "agent"
    AI = "ai"
    SYSTEM = "system"


class MessageVisibility(StrEnum):
    """Who may read a message."""

    PUBLIC = "public"
    INTERNAL = "internal"


class UserRole(StrEnum):
    """What a user may do."""

    VIEWER = "viewer"
    AGENT = "agent"
    LEAD = "lead"
    ADMIN = "admin"
    OPERATOR = "operator"


class ArticleState(StrEnum):
    """Where an article stands between first draft and archive."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class ArticleVisibility(StrEnum):
    """Who may read an article."""

    PUBLIC = "public"
    CUSTOMERS = "customers"
    AGENTS = "agents"


class UnansweredOrigin(StrEnum):
    """Where a question was put that nothing answered."""

    SEARCH = "search"
    TICKET = "ticket"
    ASK = "ask"


class GapState(StrEnum):
    """What has become of a gap of the knowledge base."""

    OPEN = "open"
    DRAFTED = "drafted"
    DISMISSED = "dismissed"
    CLOSED = "closed"


class ArticleEventKind(StrEnum):
    """What the history of an article tells of."""

    CREATED = "created"
    WRITTEN = "written"
    REVIEW_REQUESTED = "review_requested"
    REVIEW_WITHDRAWN = "review_withdrawn"
    APPROVED = "approved"
    REJECTED = "rejected"
    PUBLISHED = "published"
    ARCHIVED = "archived"
    RESTORED = "restored"
    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    VISIBILITY_CHANGED = "visibility_changed"
    OWNER_CHANGED = "owner_changed"
    REVIEWED = "reviewed"


class ArticleDoer(StrEnum):
    """By which way an article was changed."""

    USER = "user"
    COMMAND = "command"
    IMPORT = "import"
    SCHEDULE = "schedule"


class ClockState(StrEnum):
    """What an SLA clock does."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class JobStatus(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DEAD_LETTER = "dead_letter"


class JobPriority(StrEnum):
    """Which lane of the queue a job waits in."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class ThumbnailState(StrEnum):
    """What has become of an attachment's thumbnail."""

    NONE = "none"
    WAITING = "waiting"
    READY = "ready"
    UNFIT = "unfit"


class TextState(StrEnum):
    """What has become of the text in an attachment."""

    NONE = "none"
    WAITING = "waiting"
    READY = "ready"
    UNFIT = "unfit"


class PassageVisibility(StrEnum):
    """Who may read a passage of the search index: anybody, signed-in customers, or agents."""

    PUBLIC = "public"
    CUSTOMERS = "customers"
    INTERNAL = "internal"


class SourceType(StrEnum):
    """What the search index holds."""

    TICKET = "ticket"
    KB = "kb"
    ASSET = "asset"


class IndexAction(StrEnum):
    """What is to happen to a source in the index."""

    UPSERT = "upsert"
    DELETE = "delete"


class IndexStatus(StrEnum):
    """Where an index task stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class WebhookState(StrEnum):
    """Whether an address is told of events; a failing one is left alone for a while between two tries."""

    ACTIVE = "active"
    PAUSED = "paused"
    FAILING = "failing"


class WebhookFormat(StrEnum):
    """In whose form an address is told of events."""

    ATUM = "atum"
    SLACK = "slack"
    TEAMS = "teams"


class DeliveryState(StrEnum):
    """Where the delivery of one event to one address stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD_LETTER = "dead_letter"
    CANCELLED = "cancelled"


class Audience(StrEnum):
    """Whom a notice about a ticket is meant for."""

    ASSIGNEE = "assignee"
    TEAM = "team"
    TEAM_LEAD = "team_lead"
    WATCHERS = "watchers"
    CHANNEL = "channel"


class NoticeKind(StrEnum):
    """What people are told of."""

    SLA_WARNING = "sla.warning"
    SLA_BREACH = "sla.breach"
    TICKET_ASSIGNED = "ticket.assigned"
    TICKET_REPLIED = "ticket.replied"
    TICKET_MENTIONED = "ticket.mentioned"
    ARTICLE_REVIEW_DUE = "article.review_due"
    ARTICLE_REVIEW_REQUESTED = "article.review_requested"
    ARTICLE_REVIEWED = "article.reviewed"


class NoticeChannel(StrEnum):
    """By which way a person is told."""

    IN_APP = "in_app"
    EMAIL = "email"


class NoticeTiming(StrEnum):
    """When a person is told."""

    IMMEDIATELY = "immediately"
    DIGEST = "digest"
    OFF = "off"


class NoticeState(StrEnum):
    """Where the delivery of a notice to one person by one channel stands."""

    PENDING = "pending"
    QUEUED = "queued"
    SENT = "sent"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
