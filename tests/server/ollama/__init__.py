"""Tests of Ollama's native API."""
