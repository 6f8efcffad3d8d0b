"""Which microphones there are, and what would record them."""

from __future__ import annotations

import sys
from pathlib import Path

from stream.doctor.finding import Finding
from stream.errors import StreamError
from stream.microphone.devices import found, ways


def microphone_findings() -> list[Finding]:
    """Return a finding for each microphone, or one that says that there is none, or why."""
    try:
        way, devices = ways()[0], found()
    except StreamError as error:
        text, _, remedy = str(error).removeprefix("--sound: ").partition("; ")
        return [Finding("microphone", "missing", text, remedy)]
    if devices:
        titles = [
            f"{each.title} (--sound mic)" if each.is_default else each.title for each in devices
        ]
        return [Finding("microphone", "ok", title) for title in titles]
    remedy = "plug one in"
    if sys.platform == "darwin":
        remedy += ", and allow it in System Settings, Privacy & Security, Microphone"
    text = f"none found by {Path(way.program).name}"
    return [Finding("microphone", "missing", text, remedy)]
