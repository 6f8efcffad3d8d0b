"""What a person at the window sees and changes."""
