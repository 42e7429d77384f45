"""Reports on finished runs: tables, comparisons, audits, figures."""
