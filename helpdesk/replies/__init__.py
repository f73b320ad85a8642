"""Reply drafts: the facts are sentences of an article, an agent sends them or does not."""
