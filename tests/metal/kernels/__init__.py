"""Each Metal kernel against float64 NumPy."""
