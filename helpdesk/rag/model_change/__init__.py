"""Take another embedding model into service while searches go on, and go back."""
