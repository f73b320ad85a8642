"""Trying a provider of models: what is there, what it keeps to, how fast it is, and what to do where it falls short."""
