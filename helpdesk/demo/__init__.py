"""The demo organisation: what it is made of lies in `content`, and is loaded through the product's own commands."""
