"""What a run goes on with: more epochs, damaged checkpoints, data that goes while it trains."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

from segmentation.errors import DataError, WeightsError  # noqa: E402
from segmentation.training.mask_rcnn.trainer import _train_epoch  # noqa: E402
from segmentation.training.training_log import ProgressLines  # noqa: E402
from segmentation.training.training_state import TrainingState  # noqa: E402

SCHEDULE = {"epochs": 2, "size": 64}


def state(folder: Path, schedule: dict[str, Any] = SCHEDULE) -> TrainingState:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    return TrainingState(folder / "checkpoint", schedule, model, optimizer, averages=True)


def begun(folder: Path) -> None:
    first = state(folder)
    first.stepped()
    first.save()


def test_more_epochs_go_on_and_nothing_else_does(tmp_path):
    begun(tmp_path)
    assert state(tmp_path, SCHEDULE | {"epochs": 5}).step == 1
    for other in ({"epochs": 1}, {"size": 128}, {"epochs": 5, "size": 128}, {"more": 1}):
        with pytest.raises(ValueError, match="begun with") as error:
            state(tmp_path, SCHEDULE | other)
        told = str(error.value)
        for name in ("epochs", "size", "more"):
            is_told = f"{name} {SCHEDULE.get(name)} instead of {other.get(name)}" in told
            assert is_told == (name in other)


def damage(path: Path, how: str) -> None:
    whole = path.read_bytes()
    parts = {"empty": b"", "cut": whole[: len(whole) // 2], "other": b"[1]", "text": b"\xff\xfe"}
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(parts[how])


@pytest.mark.parametrize("how", ["empty", "cut", "other", "text", "gone"])
@pytest.mark.parametrize("name", ["state.json", "model.npz", "average.npz", "optimizer.npz"])
def test_a_damaged_checkpoint_is_one_line_with_its_file(tmp_path, name, how):
    begun(tmp_path)
    damage(tmp_path / "checkpoint" / name, how)
    with pytest.raises(WeightsError, match=rf"{name}: damaged or not there; remove") as error:
        state(tmp_path)
    assert "\n" not in str(error.value)


def test_a_checkpoint_of_another_network_is_one_line(tmp_path):
    begun(tmp_path)
    np.savez(tmp_path / "checkpoint" / "model.npz", np.zeros(3), np.zeros(1))
    with pytest.raises(WeightsError, match=r"model\.npz: damaged"):
        state(tmp_path)


def test_a_checkpoint_lies_on_the_disk_before_the_old_one_goes(tmp_path, monkeypatch):
    begun(tmp_path)
    events: list[str] = []
    sync, remove = os.fsync, __import__("shutil").rmtree

    def synced(descriptor: int) -> None:
        events.append("sync")
        sync(descriptor)

    def removed(path: Path, **more: Any) -> None:
        if Path(path).exists():
            events.append(f"remove {Path(path).name}")
        remove(path, **more)

    second = state(tmp_path)
    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("shutil.rmtree", removed)
    second.save()
    assert events.count("sync") >= 5, "four files and their folder"
    assert events.index("remove checkpoint.old") > events.index("sync")
    assert events[-1] == "remove checkpoint.old"


def test_a_photo_that_vanishes_within_an_epoch_is_told_as_such():
    class Images:
        def batch(self, first: int, num: int) -> Any:
            if first < 4:  # the first ones are there before TensorFlow asks for more
                return np.ones((num, 2), np.float32)
            raise DataError("photos/a.jpg: there is no such file")

    class Loss(keras.layers.Layer):
        def call(self, values: Any) -> Any:
            self.add_loss(keras.ops.mean(values**2))
            return values

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), Loss()])
    model.compile("sgd")
    steps: list[Any] = []
    run = SimpleNamespace(num_done=0, epoch_end=9, epoch=0, step=steps.append)
    with pytest.raises(DataError, match=r"^photos/a\.jpg: there is no such file$"):
        _train_epoch(run, model, Images(), 1)
    assert steps


def test_time_left_does_not_count_the_first_step(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    lines: list[str] = []
    progress = ProgressLines(0, 101, lines.append)
    for done, now in ((1, 100.0), (2, 101.0), (22, 121.0)):
        clock.now = now
        progress.step(done, {"loss": 1.0})
    assert lines[0] == "step 1 of 101: loss 1.000"
    assert lines[1:] == ["step 22 of 101: loss 1.000; 1.00 s a step, 79 s left"]
