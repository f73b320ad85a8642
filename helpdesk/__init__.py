"""Atum Desk: the product, without HTTP and without loops."""
