"""The `atum-desk` command; it starts the API and the workers as processes of their own and imports neither."""
