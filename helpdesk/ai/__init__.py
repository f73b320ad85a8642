"""Models: what the product asks of them, where their files come from, and a record of every call."""
