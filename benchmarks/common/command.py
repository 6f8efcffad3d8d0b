"""How a benchmark that cannot be run ends: with one line, as the program itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from segmentation.errors import DataError, WeightsError
from stream.errors import StreamError


def run_command(main: Callable[[], object]) -> None:
    """Call `main`; what is missing or unreadable goes to stderr, and the exit code is 1."""
    try:
        main()
    except (StreamError, WeightsError, DataError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        said = os.fsdecode(error.stderr or "it said why above").strip().splitlines()
        sys.exit(f"error: {Path(error.cmd[0]).name} failed ({error.returncode}): {said[-1]}")
