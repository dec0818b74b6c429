"""benchmarks/peers: files, order, figures. Nothing here is timed."""
