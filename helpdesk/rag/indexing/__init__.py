"""Keep the index current: claim changed sources, read, embed and write them."""
