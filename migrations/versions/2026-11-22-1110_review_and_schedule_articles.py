"""Let articles be reviewed, scheduled and imported."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import protect

revision = "202611221110"
down_revision = "202611221105"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_TIME = sa.DateTime(timezone=True)
_COLUMNS = {
    "review_every_days": sa.Integer(),
    "review_told": sa.Date(),
    "valid_until": sa.Date(),
    "expiry_told": sa.Date(),
    "review_version": sa.Integer(),
    "reviewer_id": sa.Uuid(),
    "approved_version": sa.Integer(),
    "publish_at": _TIME,
    "publish_version": sa.Integer(),
    "archive_at": _TIME,
}
_EVENT_KINDS = (
    "'created', 'written', 'review_requested', 'review_withdrawn', 'approved', 'rejected', 'published', 'archived', "
    "'restored', 'scheduled', 'unscheduled', 'visibility_changed', 'owner_changed', 'reviewed'"
)

# Words that were quoted, suggested or read stay what they were, whoever asks: only the time they were first published
# is written later, once, and the name of an author who is gone is taken off.
_KEEP_VERSIONS = """
    CREATE FUNCTION kb_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.id, NEW.organization_id, NEW.article_id, NEW.number, NEW.title, NEW.summary, NEW.body, NEW.language,
            NEW.created_at)
           IS DISTINCT FROM
           (OLD.id, OLD.organization_id, OLD.article_id, OLD.number, OLD.title, OLD.summary, OLD.body, OLD.language,
            OLD.created_at)
           OR (OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at)
           OR (NEW.author_id IS NOT NULL AND NEW.author_id IS DISTINCT FROM OLD.author_id)
        THEN
            RAISE EXCEPTION 'version % of article % cannot be changed', OLD.number, OLD.article_id
                  USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("kb_articles", sa.Column(name, kind, nullable=True))
    op.create_foreign_key(
        op.f("fk_kb_articles_reviewer_id_users"), "kb_articles", "users", ["reviewer_id"], ["id"], ondelete="SET NULL"
    )
    op.create_check_constraint(
        op.f("ck_kb_articles_review_every_days"), "kb_articles", "review_every_days BETWEEN 1 AND 3650"
    )
    op.create_check_constraint(
        op.f("ck_kb_articles_publish_schedule"), "kb_articles", "(publish_at IS NULL) = (publish_version IS NULL)"
    )
    op.create_index("ix_kb_articles_review_at", "kb_articles", ["organization_id", "review_at"])
    _create_events()
    _create_votes()
    protect("kb_article_events", "kb_article_votes")
    op.execute("REVOKE UPDATE, DELETE ON kb_article_events FROM atum_app")
    op.execute("REVOKE UPDATE, DELETE ON kb_article_versions FROM atum_app")
    op.execute("GRANT UPDATE (published_at) ON kb_article_versions TO atum_app")
    op.execute(_KEEP_VERSIONS)
    op.execute(
        "CREATE TRIGGER keep_version BEFORE UPDATE ON kb_article_versions "
        "FOR EACH ROW EXECUTE FUNCTION kb_keep_version()"
    )


def _of_article(table: str) -> list[sa.SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f(f"fk_{table}_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["article_id"], ["kb_articles.id"], name=op.f(f"fk_{table}_article_id_kb_articles"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _create_events() -> None:
    op.create_table(
        "kb_article_events",
        *_of_article("kb_article_events"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("through", sa.Text(), server_default="user", nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("data", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(f"kind IN ({_EVENT_KINDS})", name=op.f("ck_kb_article_events_kind")),
        sa.CheckConstraint(
            "through IN ('user', 'command', 'import', 'schedule')", name=op.f("ck_kb_article_events_through")
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_kb_article_events_actor_id_users"), ondelete="SET NULL"
        ),
    )
    op.create_index("ix_kb_article_events_article_id", "kb_article_events", ["article_id", "id"])


def _create_votes() -> None:
    op.create_table(
        "kb_article_votes",
        *_of_article("kb_article_votes"),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_kb_article_votes_user_id_users"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("article_id", "user_id", name=op.f("uq_kb_article_votes_article_id_user_id")),
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_version ON kb_article_versions")
    op.execute("DROP FUNCTION kb_keep_version()")
    op.execute("GRANT UPDATE, DELETE ON kb_article_versions TO atum_app")
    op.drop_table("kb_article_votes")
    op.drop_table("kb_article_events")
    op.drop_index("ix_kb_articles_review_at", table_name="kb_articles")
    op.drop_constraint(op.f("ck_kb_articles_publish_schedule"), "kb_articles")
    op.drop_constraint(op.f("ck_kb_articles_review_every_days"), "kb_articles")
    op.drop_constraint(op.f("fk_kb_articles_reviewer_id_users"), "kb_articles")
    for name in reversed(_COLUMNS):
        op.drop_column("kb_articles", name)
