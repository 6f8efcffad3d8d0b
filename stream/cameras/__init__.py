"""Cameras as the system knows them: which there are, what each offers and who uses it."""
