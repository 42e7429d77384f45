"""The learned augmentation: amounts and the warps that apply them, networks and the colours that they change."""
