"""Keep the index fast and its counts true."""
