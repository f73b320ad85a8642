"""What an organisation's classifier learns from, and which one is in use."""
