"""The text in attached files: read in a process of its own, kept beside the file, handed to the search index."""
