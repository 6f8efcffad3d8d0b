"""What networks of several families are made of, and what brings pixels to and from them."""
