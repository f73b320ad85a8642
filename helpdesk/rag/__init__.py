"""The search index: keeping it current, and finding things in it."""
