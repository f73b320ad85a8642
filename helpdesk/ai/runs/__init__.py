"""The record of every call of a model."""
