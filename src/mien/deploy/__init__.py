"""Networks as graphs that run without torch: written, checked against torch, described."""
