"""Training: recipes, the loop, its run folder; from one process to many machines, resumable to the bit."""
