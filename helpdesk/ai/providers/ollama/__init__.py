"""Models over Ollama's API: those of an Ollama server, or the embedded ones."""
