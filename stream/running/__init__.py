"""The threads of a run, what they hand to each other, and how a run ends."""
