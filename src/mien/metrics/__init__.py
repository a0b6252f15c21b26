"""How far a prediction is from the truth: errors of every sample, in parts, and their means over any split of them."""
