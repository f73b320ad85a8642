"""Figures over time, taken in buckets that can be taken again."""
