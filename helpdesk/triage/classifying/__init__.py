"""The classifier itself: features, training and use, without a database."""
