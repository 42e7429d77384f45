"""What is done to a batch of images before the learned augmentation."""
