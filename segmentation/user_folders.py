"""Where the system keeps what belongs to a person: XDG Base Directory Specification on Linux."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAME = "maskcast"


def user_cache() -> Path:
    """Return the folder where the system keeps what this program can make or fetch again.

    On Linux that is `$XDG_CACHE_HOME/maskcast`, by default `~/.cache/maskcast`. It need not exist.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = _xdg("XDG_CACHE_HOME", ".cache")
    return base / _NAME


def user_configuration() -> Path:
    """Return the folder where the system keeps what a person told this program to remember.

    On Linux that is `$XDG_CONFIG_HOME/maskcast`, by default `~/.config/maskcast`. It need not
    exist.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = xdg_configuration()
    return base / _NAME


def user_runtime() -> Path:
    """Return where the system keeps what is of a program only while it runs.

    On Linux that is `$XDG_RUNTIME_DIR/maskcast`, elsewhere, and where there is none, a folder in
    `user_cache`. It need not exist.
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if sys.platform == "linux" and base.is_absolute() and base.is_dir():
        return base / _NAME
    return user_cache() / "running"


def xdg_configuration() -> Path:
    """Return where programs of Linux keep such folders, systemd among them."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def _xdg(variable: str, beneath_home: str) -> Path:
    base = Path(os.environ.get(variable, ""))
    return base if base.is_absolute() else Path.home() / beneath_home
