"""What comes of runs: tables, comparisons, audits, figures."""
