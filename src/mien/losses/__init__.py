"""What training minimises: named terms, each a mean over a batch, that say how far a prediction is from its targets."""
