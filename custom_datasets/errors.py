"""The one exception of this package."""


class DataError(ValueError):
    """Data, a split file or a request that does not fit; the message says what to do."""
