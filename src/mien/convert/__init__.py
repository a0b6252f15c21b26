"""Results of other systems as results of this one, and the parameters of one body family as those of another."""
