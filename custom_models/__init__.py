"""Image classifiers: an encoder and a linear head."""
