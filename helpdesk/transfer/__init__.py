"""Import an organisation's own tickets and articles from files."""
