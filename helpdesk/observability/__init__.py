"""What a process tells of itself: log events, metrics and traces."""
