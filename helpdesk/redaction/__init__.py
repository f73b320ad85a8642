"""Take what identifies or unlocks out of a text before it is kept, logged, or shown to a model.

Names of people are not recognised and stay.
"""

from __future__ import annotations

from helpdesk.redaction.everything import redacted

__all__ = ["redacted"]
