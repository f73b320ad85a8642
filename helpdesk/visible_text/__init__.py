"""What of a text a reader sees: without characters and elements that show nothing."""
