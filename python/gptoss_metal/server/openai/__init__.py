"""OpenAI's Chat Completions, Completions and Models over the turn engine."""
