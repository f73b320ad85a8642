"""Vectors: which model makes them, how they are made in batches, kept and written."""
