"""A text model over the protocol of OpenAI's API, as vLLM, llama.cpp's server and others speak it."""
