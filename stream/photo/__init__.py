"""A photo: its pixels, what belongs to them, and how files hold both."""
