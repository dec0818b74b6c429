"""How fast it is, beside limits and other programs; see README.md."""
