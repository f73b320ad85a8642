"""Find the passages that answer a query, and say how probable it is."""
