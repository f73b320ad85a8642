"""Files on tickets: received, described, shown small and swept away."""
