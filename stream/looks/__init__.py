"""What becomes of frames once their foreground is known, and how one look becomes another."""
