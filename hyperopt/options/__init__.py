"""What identifies a run: its setting, and what a stored run may differ in."""
