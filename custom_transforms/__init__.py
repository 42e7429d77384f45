"""What is done to a batch of images before the learned augmentation."""

from custom_transforms.normalise import Normalise

__all__ = ["Normalise"]
