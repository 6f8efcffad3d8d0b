"""What all formats of annotations are read with."""
