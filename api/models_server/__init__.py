"""The embedded model runtime: Ollama's HTTP API on loopback, over models that run inside this process."""
