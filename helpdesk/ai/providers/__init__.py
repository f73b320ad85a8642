"""The runtimes that models are reached through, and how each can fail."""
