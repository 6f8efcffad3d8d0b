"""Which part of its frames a stream shows, so that the people in it are well seen."""
