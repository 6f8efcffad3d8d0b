"""Files in object stores: which there are, and how they come to this machine's disk and back."""
