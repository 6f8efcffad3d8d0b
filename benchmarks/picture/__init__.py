"""Benchmarks of what is done with a picture."""
