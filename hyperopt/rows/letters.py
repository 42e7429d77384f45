"""The parts of a row by their letters, for options and file names; `hyperopt.rows.parts` has what they do."""

# Names of the parts, as checkpoints and rows files have them.
LETTERS = {"W": "weight", "S": "soft_label", "A": "augmentation"}
# Beside the parts, a rows file has the network's confidence in the given labels, which can be a factor of the weight.
CONFIDENCE = "C"
COLUMN_LETTERS = "WCSA"  # of what can be taken over from a rows file, in the order of names


def in_words(letter: str) -> str:
    """What one of `COLUMN_LETTERS` stands for."""
    return "confidence" if letter == CONFIDENCE else LETTERS[letter].replace("_", " ")
