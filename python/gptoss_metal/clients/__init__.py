"""The programs people point at the server, and how each is told where it is."""
