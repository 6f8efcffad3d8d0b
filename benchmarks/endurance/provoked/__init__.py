"""Faults that `faults` provokes, by where they happen, and how its runs are watched."""
