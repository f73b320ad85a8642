"""Ask customers how they were helped, by a link that needs no account."""
