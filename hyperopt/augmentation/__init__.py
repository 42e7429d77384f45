"""The learned augmentation: amounts, and the warps that apply them to images."""
