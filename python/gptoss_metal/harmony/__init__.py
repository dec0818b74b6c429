"""Harmony, the format gpt-oss speaks: messages to tokens (render) and back (parser)."""
