"""Masks carried from frame to frame: motion, outlines, what objects look like."""
