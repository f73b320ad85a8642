"""What the knowledge base lacks."""
