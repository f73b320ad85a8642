"""One ticket's triage: ask, weigh, store and apply."""
