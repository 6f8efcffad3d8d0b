"""What is put over a picture."""
