"""Masks on the frames between keyframes: motion, outlines, identities, the schedule."""
