"""The augmentations by the names of `--aug-model`, each with its line in the help."""

from custom_transforms.names import POLICY_NAMES
from hyperopt.options.augmenter import LEARNED

POLICY_HELP = {
    "RAND": "RandAugment as AutoDO has it, up to the magnitude",
    "RA": "RandAugment as ReSmooth has it: 14 operations, at the magnitude",
    "AA": "AutoAugment, with torchvision's tables",
    "AUTO": "Fast AutoAugment's policy for the data set",
    "DADA": "DADA's policy for the data set",
    "JIGSAW": "negative: the 2 x 2 parts in another order",
    "QUARTER": "negative: a turn by 90, 180 or 270 degrees",
    "VERTICAL": "negative: upside down",
    "BLUR": "negative: blurred",
    "SOBEL": "negative: edges, of each channel",
    "SEVERE": "negative: shears, moves and cutouts up to the whole picture",
    "TRANSLATE": "fixed copies: moved by pixels",
    "ROTATE": "fixed copies: turned by degrees",
    "CROP": "fixed copies: without their margins",
}
AUG_HELP = {
    "NONE": "the standard augmentation alone",
    **{name: POLICY_HELP[name] for name in POLICY_NAMES},
    **{name: learned.help for name, learned in LEARNED.items()},
}
