"""Annotated photos: their formats, what is wrong with them, how training changes them."""
