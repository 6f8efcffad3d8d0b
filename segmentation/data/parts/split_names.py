"""What folders and files are called that are to train on, to validate with or to test with."""

from __future__ import annotations

#: As exports call them -> as they are called here
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_of(name: str) -> str:
    """Return "train", "val" or "test" where a name says so, else ""."""
    return SPLITS.get(name.lower(), "")
