"""The specification of gpt-oss in float64 NumPy, and what checks it."""
