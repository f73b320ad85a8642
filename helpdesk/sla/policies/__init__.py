"""The policies of an organisation, and what becomes of open tickets when they change."""
