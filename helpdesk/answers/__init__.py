"""What an answer may be made of: quotable units of articles and tickets, and the checks that each sentence passes."""
