"""Where search results come from."""
