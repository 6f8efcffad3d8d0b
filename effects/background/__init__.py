"""What becomes of what is behind the foreground."""
