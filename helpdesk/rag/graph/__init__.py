"""The graph of tickets, articles, assets and requesters."""
