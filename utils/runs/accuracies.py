"""The accuracies of a run, by name."""

# The four accuracies, which must not be confused, and their headings: the best epoch on the test set (as published),
# the test accuracy of the epoch that was best on the validation set (absent if the run trains on that set), the test
# accuracy of the last epoch, and its mean over the last five (absent from older results).
ACCURACIES = {
    "best_on_test": "best on test",
    "selected_on_validation": "selected on validation",
    "last_epoch": "last epoch",
    "last_five": "mean of last five",
}

# The meaning of the accuracies for own data without a test set.
TESTED_ON_VALID = "of the clean validation images, which methods learn from"
