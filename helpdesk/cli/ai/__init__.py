"""`atum-desk ai`: what models were asked and said, and how well they do."""
