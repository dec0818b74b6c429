"""The converter: the same bytes from every source, no half file, and every fault named."""
