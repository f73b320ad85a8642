"""Business hours, policies and the clocks that run by them."""
