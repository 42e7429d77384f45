"""A user's own data: parts train, and test, valid or both, as folders of image files or as .npz files.

An .npz file holds images, or features of images that another network has computed.
"""
