"""Transforms of a batch of images before the learned augmentation."""
