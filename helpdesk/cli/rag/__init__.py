"""`atum-desk rag`: the search index and the models that make its vectors."""
