"""What an image and its label are, and how a training set is made biased and noisy."""
