"""The parts of a row by their letters, for options and file names; `hyperopt.rows.parts` has the parts themselves."""

import argparse

# Names of the parts in checkpoints and rows files.
LETTERS = {"W": "weight", "S": "soft_label", "A": "augmentation", "R": "rank"}
RANK = "R"  # the place in the order in which images are augmented: it has no gradient, and no leaves
# A rows file also has the network's confidence in the given labels, which can be a factor of the weight.
CONFIDENCE = "C"
COLUMN_LETTERS = "WCSAR"  # of the columns that can be taken over from a rows file, in the order of file names


def in_words(letter: str) -> str:
    """The meaning of one of `COLUMN_LETTERS`."""
    return "confidence" if letter == CONFIDENCE else LETTERS[letter].replace("_", " ")


def rows_letters(text: str) -> str:
    """Letters of the columns to take over from learned rows, in the order of `COLUMN_LETTERS`."""
    if not text or len(set(text)) != len(text) or set(text) - set(COLUMN_LETTERS):
        raise argparse.ArgumentTypeError(f"'{text}' must be some of the letters {', '.join(COLUMN_LETTERS)}, each once")
    return "".join(letter for letter in COLUMN_LETTERS if letter in text)
