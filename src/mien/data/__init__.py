"""Training data: what is known of forty datasets, their formats, one columnar store, mixtures, augmented samples."""
