"""The models that the product trains by itself: which one is in use, which ones there were, and the way back."""
