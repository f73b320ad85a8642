"""What a reader says of a file that gives no text."""

from __future__ import annotations

from helpdesk.errors import Invalid


class Unreadable(Invalid):
    """No text can be read from this file."""
