"""Measures of predictions and rankings: what every model here is judged by, without a database."""
