"""Where the system keeps what can be made or fetched again."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def user_cache() -> Path:
    """Return the folder where the system keeps what this program can make or fetch again.

    On Linux that is `$XDG_CACHE_HOME/maskcast` (XDG Base Directory Specification), by default
    `~/.cache/maskcast`. It need not exist.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not base.is_absolute():
            base = Path.home() / ".cache"
    return base / "maskcast"
