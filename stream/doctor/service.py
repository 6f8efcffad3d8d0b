"""A service of systemd that starts maskcast when its user logs in.

Source: systemd's manual, systemd.unit(5), systemd.service(5), systemd.exec(5).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from segmentation.user_folders import user_configuration, xdg_configuration
from stream.errors import StreamError
from stream.files.outputs import make_folder, save

NAME = "maskcast.service"
COMMANDS = "systemctl --user daemon-reload", "systemctl --user enable --now maskcast"
_UNIT = """\
# Written by `maskcast doctor --service`, which replaces it with -y.
[Unit]
Description=maskcast {what}
After=graphical-session.target pipewire.service
# no end to trying: the camera may be plugged in later
StartLimitIntervalSec=0

[Service]
ExecStart={command}
# NAME=VALUE of what addresses take from the environment, such as keys
EnvironmentFile=-%E/maskcast/environment
Restart=on-failure
RestartSec=5
# outputs are completed, by processes that this one ends
KillMode=mixed
SuccessExitStatus=130
TimeoutStopSec=60

[Install]
WantedBy=default.target
"""


def service_path() -> Path:
    """Return where the service of this user belongs."""
    return xdg_configuration() / "systemd" / "user" / NAME


def environment_path() -> Path:
    """Return the file from which the service takes variables, if it is there."""
    return user_configuration() / "environment"


def service_text(what: str, arguments: Sequence[str]) -> str:
    """Return the unit of a service.

    Args:
        what: it does, for people.
        arguments: of the program.
    """
    program = Path(__file__).resolve().parents[2] / "run.py"  # also where pip installed it
    words = [str(program), *arguments]
    # of a program that is started systemd takes no $ for a variable
    command = " ".join([_quoted(sys.executable), *(_quoted(word, "$") for word in words)])
    return _UNIT.format(what=what.replace("%", "%%"), command=command)


def _quoted(word: str, doubled: str = "") -> str:
    """Return a word so that systemd takes it as it is."""
    for each in f"%{doubled}":
        word = word.replace(each, each * 2)
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def write_service(text: str, *, overwrite: bool) -> Path:
    """Write the unit of the service; returns its path.

    Args:
        text: of the unit.
        overwrite: another one is replaced.

    Raises:
        StreamError: this is not Linux, another one is there, or it cannot be written.
    """
    if not sys.platform.startswith("linux"):
        raise StreamError("--service: systemd is Linux's; elsewhere a login item starts maskcast")
    path = service_path()
    try:
        before = path.read_text(errors="replace") if path.exists() else text
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror})") from error
    if before != text and not overwrite:
        raise StreamError(f"{path}: exists and is another; add -y to replace it")
    make_folder(path.parent)
    save(text.encode(errors="surrogateescape"), path)
    return path
