"""The parts of a row by their letters, for options and file names; `hyperopt.rows.parts` has the parts themselves."""

# Names of the parts in checkpoints and rows files.
LETTERS = {"W": "weight", "S": "soft_label", "A": "augmentation"}
# A rows file also has the network's confidence in the given labels, which can be a factor of the weight.
CONFIDENCE = "C"
COLUMN_LETTERS = "WCSA"  # of the columns that can be taken over from a rows file, in the order of file names


def in_words(letter: str) -> str:
    """The meaning of one of `COLUMN_LETTERS`."""
    return "confidence" if letter == CONFIDENCE else LETTERS[letter].replace("_", " ")
