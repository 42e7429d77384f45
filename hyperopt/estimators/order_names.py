"""The names of orders of images on the command line; this module imports nothing."""

# By scores (Kuchnik and Smith 2019, arXiv 1810.05222): uniform; drawn in proportion to the score or to its inverse;
# highest or lowest score first. The published names are baseline, random_proportional, random_inverse_proportional,
# deterministic_proportional and deterministic_inverse_proportional.
RANDOM, TOP = "random", "top"
ORDERS = (RANDOM, "proportional", "inverse", TOP, "bottom")
# Determinantal point processes of the features, with the score as an image's quality and without it.
DPP_ORDERS = ("dpp", "dpp-plain")
