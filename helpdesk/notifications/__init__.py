"""Telling people what concerns them, once."""
