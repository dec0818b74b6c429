"""The python tool: what it does, and what it cannot do."""
