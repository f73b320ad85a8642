"""`atum-desk jobs`."""
