"""OpenAI's Chat Completions, Completions and Models."""
