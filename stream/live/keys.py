"""What the keys do in the window; plain text, for the window's help and that of the command."""

from __future__ import annotations

#: Key and meaning, in the order shown.
KEYS = (
    ("1 to 7", "effect: blur, grey, replace, mask, cutout, overlay, none"),
    ("+ -", "stronger, weaker"),
    ("i", "invert"),
    ("b", "next background"),
    ("t", "follow the people, or show the whole picture"),
    ("l w", "lift the people in the dark; light of the background on them"),
    ("p", "picture in front"),
    ("x", "mirror, in this window alone"),
    ("m", "show the mask"),
    ("o", "show the objects and their ids"),
    ("click", "drop an object, or keep it again"),
    ("s", "snapshot, as a photo"),
    ("r", "record on, off; no photos"),
    ("c", "next camera"),
    ("space", "pause, go on; from a photo to the next"),
    ("Enter right", "from a photo to the next"),
    ("f", "full screen"),
    ("h", "help, bare picture, figures"),
    ("q Esc", "quit"),
)


def key_lines() -> list[str]:
    """Return a line for each key, for a terminal."""
    width = max(len(key) for key, _ in KEYS)
    return [f"{key:<{width}}  {meaning}" for key, meaning in KEYS]
