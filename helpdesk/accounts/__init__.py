"""Organisations, the people in them and their credentials."""
