"""Articles: written, reviewed, published, scheduled and read."""
