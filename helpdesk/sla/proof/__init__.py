"""The proof that stored clocks are what their logs say."""
