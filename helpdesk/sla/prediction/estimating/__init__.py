"""The estimator of a yes or no from a table whose rows have a time: pure, for any table."""
