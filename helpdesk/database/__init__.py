"""PostgreSQL: connections, tenancy, identifiers and the embedded server."""
