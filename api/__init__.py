"""The HTTP door of the product."""
