"""The engine: one thread owns the device; requests meet it through a queue."""
