"""What things cost as they grow; see benchmarks/README.md."""
