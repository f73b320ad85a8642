"""Triage: what a ticket is about, how soon it must be answered, and who should answer it."""
