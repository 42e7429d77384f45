"""Who fills the rows: one file per method, and their table."""
