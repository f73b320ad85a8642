"""The clocks that are stored: kept in step with their logs, told of, and listed."""
