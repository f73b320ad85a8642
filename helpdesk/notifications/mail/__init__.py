"""Writing mail, and the connections by which it and webhooks go out."""
