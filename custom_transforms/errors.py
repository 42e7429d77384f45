"""The one exception of this package."""


class PolicyError(ValueError):
    """A policy that was never published; the message says what there is."""
