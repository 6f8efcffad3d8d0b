"""Photos and outputs on a disk: how they are read, what may be written, and when it is there."""
