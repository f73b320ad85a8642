"""What a text is to the index: cleaned, cut into passages, told by language, counted by words."""
