"""What becomes of the foreground, or of the picture as a whole."""
