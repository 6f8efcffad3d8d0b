"""The command that installs what is missing, as a person can copy it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

#: Where these packages lie: a checkout, or what `pip` copied them to.
FOLDER = Path(__file__).resolve().parents[1]
#: What OpenCV needs of the system, and slim ones lack.
OPENCV_LIBRARIES = "on Debian or Ubuntu: apt-get install libgl1 libglib2.0-0"


def pip_install(*arguments: str) -> str:
    """Return the command that runs `pip install` for the Python that is running.

    Args:
        arguments: of `pip install`.
    """
    return _pip_install(_python(), *arguments)


def install_extra(extra: str = "") -> str:
    """Return the command that installs an extra of maskcast.

    Args:
        extra: its name in `pyproject.toml`; "" for what everybody needs.
    """
    brackets = f"[{extra}]" if extra else ""
    if not (FOLDER / "pyproject.toml").is_file():  # a copy, which may be far from its checkout
        return f"in maskcast's folder: {_pip_install(sys.executable, '-e', f'.{brackets}')}"
    folder = "." if _current_folder() == FOLDER else str(FOLDER)
    # editable, as `make` has it; a copy would take its place, and stay as it is
    return pip_install("-e", f"{folder}{brackets}")


def _python() -> str:
    """Return the Python that is running, relative to the current folder where it lies below it."""
    path, here = Path(sys.executable), _current_folder()
    return str(path.relative_to(here)) if here and here in path.parents else str(path)


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # somebody deleted it
        return None


def _pip_install(*words: str) -> str:
    words = (words[0], "-m", "pip", "install", *words[1:])
    if os.name == "nt":  # to whose shell single quotes mean nothing
        return " ".join(f'"{word}"' if set(" [") & set(word) else word for word in words)
    return shlex.join(words)
