"""The tools that run here, with real kernels, sandboxes, files and local servers."""
