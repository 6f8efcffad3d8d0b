"""All that a training run must not forget, on disk so that it can go on where it was stopped."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.unfinished import discard_left_behind, unfinished
from segmentation.weights.ordered_weights import read_weights

LENGTH = "epochs"  # of a schedule, which may grow
#: What a damaged file of a checkpoint raises.
_DAMAGE = (
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
    FileNotFoundError,
    WeightsError,
)
AVERAGE_EVERY = 10  # steps between two updates of the averaged weights
OLD = "checkpoint.old"  # name of the checkpoint before, while the new one takes its place


def has_checkpoint(folder: Path) -> bool:
    """Return whether there is a checkpoint, once what a kill while saving left is cleared up."""
    discard_left_behind(folder)
    old = folder.with_name(OLD)
    if old.is_dir() and not folder.is_dir():
        os.rename(old, folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder.is_dir()


def _goes_on(begun: dict[str, Any], now: dict[str, Any]) -> bool:
    """Return whether a run that was begun with a schedule can go on with another one."""
    length, more = begun.get(LENGTH), now.get(LENGTH)
    if begun == now or not isinstance(length, int) or not isinstance(more, int):
        return begun == now
    return more > length and begun | {LENGTH: more} == now


def _differences(begun: dict[str, Any], now: dict[str, Any]) -> str:
    """Return what a schedule has that another one has not, names and values."""
    names = [name for name in {**begun, **now} if begun.get(name) != now.get(name)]
    both = ((name, str(begun.get(name)), str(now.get(name))) for name in names)
    return ", ".join(f"{name} {one[:80]} instead of {other[:80]}" for name, one, other in both)


class TrainingState:
    """Weights, optimizer, averaged weights and number of steps of a run, restored if it began.

    Args:
        folder: of the checkpoint; need not exist.
        schedule: of the run, as JSON takes it; must be that of the earlier call.
        model: with the weights to begin with.
        optimizer: built for the model's trainable variables.
        averages: whether averaged weights are kept.

    Attributes:
        step: number of steps done.

    Raises:
        ValueError: the run was begun with another schedule; one of more epochs is none.
        WeightsError: the checkpoint is damaged.
    """

    def __init__(
        self,
        folder: Path,
        schedule: dict[str, Any],
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        *,
        averages: bool,
    ) -> None:
        self._folder = folder
        self._schedule = schedule
        self._model = model
        self._optimizer = optimizer
        self.step = 0
        # of the weights over the last steps, in the order of `model.get_weights`
        self._average: Sequence[NDArray[np.float32]] = model.get_weights() if averages else []
        if has_checkpoint(folder):
            self._restore()

    def stepped(self) -> None:
        """Take note of a step: averaged weights move, faster in the beginning."""
        self.step += 1
        if not self._average or self.step % AVERAGE_EVERY:
            return
        keep = min(0.98, 1 - 1 / (1 + self.step / AVERAGE_EVERY))
        for average, present in zip(self._average, self._model.get_weights(), strict=True):
            average *= keep
            average += (1 - keep) * present

    @contextmanager
    def weights_to_use(self) -> Iterator[None]:
        """Let the model have the averaged weights meanwhile, where there are any."""
        if not self._average:
            yield
            return
        present = self._model.get_weights()
        self._model.set_weights(self._average)
        try:
            yield
        finally:
            self._model.set_weights(present)

    def save(self) -> None:
        """Write a checkpoint beside the old one, then put it in its place."""
        old = self._folder.with_name(OLD)
        with unfinished(self._folder) as fresh:
            fresh.mkdir()
            self._write(fresh)
            if self._folder.is_dir():
                os.rename(self._folder, old)
        shutil.rmtree(old, ignore_errors=True)

    def _write(self, folder: Path) -> None:
        optimizer = [np.asarray(variable) for variable in self._optimizer.variables]
        np.savez(folder / "model.npz", *self._model.get_weights())
        if self._average:
            np.savez(folder / "average.npz", *self._average)
        np.savez(folder / "optimizer.npz", *optimizer)
        description = {"step": self.step, "schedule": self._schedule}
        (folder / "state.json").write_text(json.dumps(description))

    def _restore(self) -> None:
        begun, step = self._description()
        if not _goes_on(begun, self._schedule):
            raise ValueError(
                f"{self._folder}: begun with {_differences(begun, self._schedule)}; go on with "
                "that, or with more epochs, or name another --run folder"
            )
        with self._telling_damage("model.npz") as path:
            self._model.set_weights(read_weights(path))
        if self._average:
            with self._telling_damage("average.npz") as path:
                self._average = read_weights(path)
        with self._telling_damage("optimizer.npz") as path:
            saved = read_weights(path)
            for variable, value in zip(self._optimizer.variables, saved, strict=True):
                variable.assign(value)
        self.step = step

    def _description(self) -> tuple[dict[str, Any], int]:
        """Return schedule and number of steps done."""
        with self._telling_damage("state.json") as path:
            description = json.loads(path.read_text())
            return dict(description["schedule"]), int(description["step"])

    @contextmanager
    def _telling_damage(self, name: str) -> Iterator[Path]:
        """Give a file's path; what it raises where it is damaged becomes one line."""
        path = self._folder / name
        try:
            yield path
        except _DAMAGE as error:
            raise WeightsError(
                f"{path}: damaged or not there; remove {self._folder} to begin anew, and keep the "
                "best weights beside it under another name if you want them"
            ) from error
