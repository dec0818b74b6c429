"""The demo model in plain torch, its quantization-aware training and its export."""
