"""What differs between two versions of an article; pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from helpdesk.models.kb import ArticleVersion

_CONTEXT_LINES = 3


@dataclass(frozen=True)
class VersionDiff:
    """The lines that two versions do not share, as a unified diff; empty where they are the same."""

    older: int
    newer: int
    diff: str
    added: int
    removed: int


def diff_of(older: ArticleVersion, newer: ArticleVersion) -> VersionDiff:
    """Return how the words of one version became those of another."""
    lines = list(
        difflib.unified_diff(
            _lines(older),
            _lines(newer),
            fromfile=f"version {older.number}",
            tofile=f"version {newer.number}",
            lineterm="",
            n=_CONTEXT_LINES,
        )
    )
    changed = lines[2:]
    return VersionDiff(
        older=older.number,
        newer=newer.number,
        diff="\n".join(lines),
        added=sum(line.startswith("+") for line in changed),
        removed=sum(line.startswith("-") for line in changed),
    )


def _lines(version: ArticleVersion) -> list[str]:
    """Return the words as lines, what stands above the body as in a file of it."""
    head = [f"title: {version.title}", f"language: {version.language}"]
    summary = [f"summary: {line}" for line in version.summary.split("\n")] if version.summary else []
    return [*head, *summary, "", *version.body.split("\n")]
