"""The pure rules of the promises: business hours, targets, conditions, and the clocks computed from a log."""
