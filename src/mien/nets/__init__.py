"""Networks, their sizes, and the files that hold their weights."""
