"""Robust Video Matting as it was published."""
