"""Articles as Markdown files, in and out."""
