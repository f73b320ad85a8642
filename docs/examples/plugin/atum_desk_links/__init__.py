"""Looks whether web addresses still answer."""
