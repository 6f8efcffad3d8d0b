"""What an error is called at the terminal."""

from __future__ import annotations

import os

from segmentation.errors import DataError, WeightsError
from segmentation.pip_command import OPENCV_LIBRARIES, install_extra
from stream.commands.parts.command_line import CommandError
from stream.errors import StreamError

# what not everybody needs, by module, and the extra of pyproject.toml that installs it
_EXTRAS = {
    "h5py": "mask-rcnn",
    "keras": "mask-rcnn",
    "ray": "batch",
    "skimage": "demo",
    "tensorflow": "mask-rcnn",
}


def one_line(error: Exception) -> str:
    """Return an error's line for people, with the remedy; a `DataError` has several."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = "; ".join([text, *getattr(error, "__notes__", ())])
    if isinstance(error, DataError):
        return str(error)  # a line for each thing that is wrong
    if isinstance(error, ModuleNotFoundError) and error.name:
        extra = _EXTRAS.get(error.name.partition(".")[0])
        return f"the module {error.name} is not installed; {install_extra(extra or '')}"
    if isinstance(error, ImportError) and "lib" in text and ".so" in text:
        return f"OpenCV lacks a library of the system ({text}); {OPENCV_LIBRARIES}"
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_nowhere():
        return "the folder you are in was deleted; change to another one"
    # no subclass of ValueError: a UnicodeDecodeError is not of anybody's making
    if type(error) in (StreamError, WeightsError, CommandError, ValueError):
        return text
    return f"{text} ({type(error).__name__}; add --debug to see where)"


def _is_nowhere() -> bool:
    """Whether the current folder was deleted, of which the system says no more than that."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False
