"""What became of imported files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import View
from helpdesk.kb.markdown.importing import FileOutcome, FileReport

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A Markdown file with front matter, or a zip of such files.",
                        }
                    },
                }
            }
        },
    }
}


class FileReportView(View):
    """What became of one file."""

    file: str
    outcome: FileOutcome
    slug: str | None
    article_id: UUID | None
    reason: str | None = Field(description="Why it was refused.")
    line: int | None
    field: str | None
    notes: list[str] = Field(description="What of it could not be taken over.")


class ImportView(View):
    """What became of an import."""

    dry_run: bool = Field(description="Whether nothing was stored.")
    created: int
    updated: int
    unchanged: int
    refused: int
    files: list[FileReportView]

    @classmethod
    def of(cls, reports: Sequence[FileReport], *, dry_run: bool) -> Self:
        """Make it of what became of each file; of a dry run no id stands for anything."""
        counts = {str(outcome): sum(report.outcome is outcome for report in reports) for outcome in FileOutcome}
        views = [FileReportView.model_validate(report) for report in reports]
        if dry_run:
            views = [
                view.model_copy(update={"article_id": None}) if view.outcome is FileOutcome.CREATED else view
                for view in views
            ]
        return cls(dry_run=dry_run, files=views, **counts)
