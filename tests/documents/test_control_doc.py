"""docs/control.md has the table of what can be set, and its requests are answered."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.documents.control_table import table
from tests.folders import ROOT

PAGE = (ROOT / "docs/control.md").read_text()


def test_the_table_is_that_of_the_program() -> None:
    assert table() in PAGE, "python -m tests.documents.control_table docs/control.md"


def test_requests_are_answered_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp", reason="the extra serve")
    pytest.importorskip("cryptography", reason="the extra serve")
    from tests.users.controlling import controlled
    from tests.users.desk import Desk

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    live = Desk(tmp_path)
    photo = bytes(cv2.imencode(".jpg", np.zeros((30, 40, 3), np.uint8))[1])
    lines = [shlex.split(line) for line in re.findall(r"^curl .*$", PAGE, re.MULTILINE)]
    assert len(lines) == 5
    with live.stack, live.recorder, controlled(live) as here:
        here.show()
        for words in lines:
            method = words[words.index("-X") + 1] if "-X" in words else "GET"
            (address,) = (word for word in words if word.startswith("http:"))
            data = words[words.index("-d") + 1].encode() if "-d" in words else None
            if "-T" in words:
                method, data = "PUT", photo
            path = address.removeprefix("http://localhost:8090")
            assert here.ask(method, path, data=data, answer=False)[0] == 200, words
        assert here.control.values()["background"] == "beach.jpg"
        assert here.control.values()["record"] is True
