"""Anthropic's Messages API over the turn engine."""
