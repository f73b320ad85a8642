"""Why somebody is not told."""

from __future__ import annotations

from enum import StrEnum


class Withheld(StrEnum):
    """Why somebody is not told by a channel."""

    OWN_CHANGE = "own_change"
    TURNED_OFF = "turned_off"
    NO_MAIL_SERVER = "no_mail_server"
    NO_ADDRESS = "no_address"
    READ = "read"
    INACTIVE = "inactive"
