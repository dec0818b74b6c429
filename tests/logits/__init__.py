"""Logits of whole models, against the float64 reference and two independent implementations."""
