"""Measurements, one script each; every one prints JSON lines."""
