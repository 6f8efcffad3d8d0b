"""A microphone beside a camera or the screen: what is heard, on the clock of the picture."""
