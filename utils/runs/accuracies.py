"""The accuracies of a run, told apart."""

# The four accuracies that are never confused, and their headings: the best epoch on the test set (as published), the
# test accuracy of the epoch that was best on the validation set (absent where that is trained on), the test accuracy of
# the last epoch, and its mean over the last five (absent from results of before there was one).
ACCURACIES = {
    "best_on_test": "best on test",
    "selected_on_validation": "selected on validation",
    "last_epoch": "last epoch",
    "last_five": "mean of last five",
}

# What the accuracies of own data without a test set are.
TESTED_ON_VALID = "of the clean validation images, which methods learn from"
