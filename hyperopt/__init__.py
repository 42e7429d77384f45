"""Rows of hyperparameters, one per training image, and the estimators that learn them."""
