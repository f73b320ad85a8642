"""Backups: the database and its files, proven to be whole, and the way back from one."""
