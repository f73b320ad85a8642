"""How likely a clock is to breach."""
