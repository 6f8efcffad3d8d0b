"""The table of what can be changed: whole, and strict about values."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.live.actions import ACTIONS, BY_KEY, BY_NAME, REMOTE, action_of, checked
from stream.live.recorder import Recorder
from stream.sinks import SinkOptions
from tests.users.desk import INFO


def test_all_of_it_is_done(desk):
    control = desk().control
    assert list(control._doing) == [action.name for action in ACTIONS]
    assert len(BY_KEY) == sum(len(action.keys) for action in ACTIONS), "a key means one thing"
    kinds = {name: action.kind for name, action in BY_NAME.items()}
    assert all(kinds[name] not in ("trigger", "place") for name in control.values())
    assert all(kinds[name] == "choice" for name in control.choices())


def test_those_of_other_places_have_a_title_and_a_group():
    assert all(action.title and action.group for action in REMOTE)


@pytest.mark.parametrize(
    ("name", "wish", "present", "value"),
    [
        ("effect", "grey", "blur", "grey"),
        ("effect", "next", "blur", "grey"),
        ("effect", "next", "grey", "blur"),
        ("strength", "0.25", 0.5, 0.25),
        ("strength", "+", 0.95, 1.0),
        ("strength", "-", 0.5, 0.4),
        ("invert", "toggle", True, False),
        ("invert", "ON", False, True),
        ("invert", False, True, False),
        ("pick", "0.5,0.25", None, (0.5, 0.25)),
        ("pick", [0, 1], None, (0.0, 1.0)),
        ("snapshot", "on", None, True),
    ],
)
def test_values_and_their_texts(name, wish, present, value):
    assert checked(action_of(name), wish, present, ["blur", "grey"]) == value


@pytest.mark.parametrize(
    ("name", "wish"),
    [
        *(("effect", wish) for wish in ("", "Blur", None, 1, ["blur"], {"a": 1})),
        *(("strength", wish) for wish in ("", "much", True, None, "nan", "1e999", [0.5], 0)),
        *(("invert", wish) for wish in ("", 1, None, "maybe", [True])),
        *(("pick", wish) for wish in ("", "1", "1,2,3", None, 3, [0.5], "nan,0", [{}, []], {})),
        *(("snapshot", wish) for wish in (False, "off", 2, None)),
    ],
)
def test_other_values_are_refused_in_a_line(name, wish):
    with pytest.raises(ValueError, match=f"^{name}: .*got") as refused:
        checked(action_of(name), wish, 0.5, ["blur", "grey"])
    assert "\n" not in str(refused.value)


def test_what_is_of_the_window_alone_is_for_its_keys(desk):
    with pytest.raises(ValueError, match="is nothing that can be set"):
        desk().control.ask("full-screen", True)


def test_nothing_is_recorded_that_nobody_would_complete(desk, tmp_path):
    live = desk()
    live.recorder.write(live.output())
    live.recorder.finish(cut_short=False)
    before = set(tmp_path.iterdir())
    with pytest.raises(ValueError, match="the run is ending"):
        live.control.ask("record", True)
    with pytest.raises(ValueError, match="the run is ending"):
        live.control.ask("snapshot", True)
    live.recorder.close()
    assert set(tmp_path.iterdir()) == before


def test_what_is_recorded_for_somebody_elsewhere_is_theirs_alone(desk, tmp_path):
    live = desk()
    options = SinkOptions(preset="ultrafast", is_private=True)
    with Recorder(tmp_path, INFO, options) as recorder:
        recorder.toggle()
        recorder.write(live.output())
        (hidden,) = tmp_path.glob(".*.mp4")
        assert mode(hidden) == 0o600
        recorder.snapshot()
        recorder.finish(cut_short=False)
    written = [path for path in tmp_path.glob("maskcast-*")]
    assert {path.suffix for path in written} == {".mp4", ".png"}
    assert all(mode(path) == 0o600 for path in written)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
