"""The settings of a process."""

from helpdesk.settings.combined import Settings as Settings
