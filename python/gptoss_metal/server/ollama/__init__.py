"""Ollama's native API over the turn engine."""
