"""How good a network is on a folder of pictures with truth: the truth, predictions beside it, errors, tables."""
