"""The history of a ticket, and reading it live."""
