"""The commands of run.py: one file each, with its options and what it prints."""
