"""Robust Video Matting as it was published: mattes of people, which remember earlier frames."""
