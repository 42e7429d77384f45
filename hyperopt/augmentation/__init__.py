"""The learned augmentation: amounts, and the warps that they move images by."""
