"""How animated GIF, WebP and PNG files are written: frame by frame, in little memory."""
