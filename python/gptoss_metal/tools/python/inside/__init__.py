"""What runs in the sandbox itself; it imports nothing of the rest of the package."""
