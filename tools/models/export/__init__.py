"""Export: a champion as a directory, an adapter, a Hub repository, GGUF, or for Ollama and vLLM."""
