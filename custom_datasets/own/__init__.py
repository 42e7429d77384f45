"""A user's own data: parts train, and test, valid or both, as folders of image files or as .npz files."""
