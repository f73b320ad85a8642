"""Tickets: opening, answering, moving and reading them."""
