"""Benchmarks of what becomes of masks."""
