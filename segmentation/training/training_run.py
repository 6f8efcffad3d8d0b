"""A training run in its folder: how far it is, what it reached, and the best weights so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from segmentation.training.training_log import ProgressLines, Report, TableFile, TensorBoardLog
from segmentation.training.training_state import TrainingState, has_checkpoint
from segmentation.unfinished import unfinished

CHECKPOINT_EVERY_S = 300.0


def is_begun(folder: Path) -> bool:
    """Return whether there is a run to go on with in a folder."""
    return has_checkpoint(folder / "checkpoint")


@dataclass(frozen=True, slots=True)
class Course:
    """What a run goes through.

    Attributes:
        num_steps: in all.
        epoch_steps: between two measurements; the last epoch may have fewer.
        losses: names of what a step reports.
        figures: names of what an epoch is measured by, the higher the better; the first one says
            which weights are the best.
        averages: see `TrainingState`.
    """

    num_steps: int
    epoch_steps: int
    losses: Sequence[str]
    figures: Sequence[str]
    averages: bool


class TrainingRun:
    """What is kept of a run, and said of it; goes on where an earlier call in the folder stopped.

    The folder has `checkpoint/`; `steps.csv`, the losses of every step; `epochs.csv`, what each
    epoch reached; `tensorboard/`, both for TensorBoard; and the best weights.

    Args:
        folder: made if absent.
        settings: of the run, as JSON takes them; must be those of the earlier call.
        model: with the weights to begin with; `TrainingState` restores others.
        optimizer: built for the model's trainable variables.
        course: of the run.
        report: called with lines for people.

    Raises:
        ValueError: the run was begun with other settings.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        course: Course,
        report: Report,
    ) -> None:
        self._folder, self._course, self._report = folder, course, report
        self._is_fresh = not is_begun(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._state = TrainingState(
            folder / "checkpoint", settings, model, optimizer, averages=course.averages
        )
        done = self._state.step
        if not self._is_fresh:
            report(f"goes on after step {done}")
        kept = -1 if self._is_fresh else done
        self._steps = TableFile(folder / "steps.csv", ("step", *course.losses), kept)
        columns = ("step", "epoch", *course.losses, *course.figures)
        self._epochs = TableFile(folder / "epochs.csv", columns, kept)
        self._losses = [
            {name: float(line[name]) for name in course.losses}
            for line in self._steps.lines
            if int(line["step"]) > done - done % course.epoch_steps
        ]
        figures = [float(line[course.figures[0]]) for line in self._epochs.lines]
        self._best = max(figures, default=-1.0)
        self._board = TensorBoardLog(folder / "tensorboard")
        self._progress = ProgressLines(done, course.num_steps, report)
        self._saved = time.monotonic()

    @property
    def num_done(self) -> int:
        """Steps done."""
        return self._state.step

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was done yet, not even measured."""
        return self._is_fresh and not self.num_done

    @property
    def is_over(self) -> bool:
        """Whether all steps are done."""
        return self.num_done >= self._course.num_steps

    @property
    def epoch(self) -> int:
        """Number of the epoch that the next step belongs to, from 0."""
        return self.num_done // self._course.epoch_steps

    @property
    def epoch_end(self) -> int:
        """Number of steps done when this epoch is over."""
        return min((self.epoch + 1) * self._course.epoch_steps, self._course.num_steps)

    def step(self, losses: Mapping[str, float]) -> None:
        """Take note of a step.

        Raises:
            ValueError: the loss is not finite.
        """
        values = {name: float(losses[name]) for name in self._course.losses}
        end = self.epoch_end
        self._state.stepped()
        if not np.isfinite(values["loss"]):
            raise ValueError(
                f"step {self.num_done}: the loss is not finite; begin anew with a lower "
                "learning rate"
            )
        self._losses.append(values)
        self._steps.add(values | {"step": self.num_done})
        self._board.add(values, self.num_done)
        self._progress.step(self.num_done, values)
        # at the end of an epoch there is one anyway, with what the epoch reached
        if time.monotonic() - self._saved >= CHECKPOINT_EVERY_S and self.num_done < end:
            self._checkpoint()

    def finish_epoch(
        self,
        measure: Callable[[int], Mapping[str, float]],
        save: Callable[[Path], None],
        best: Path,
    ) -> None:
        """Measure what was reached at the end of an epoch, and keep it.

        Args:
            measure: returns the figures of the model's weights after so many epochs.
            save: writes the model's weights to a file.
            best: that file, in the run's folder, written if no earlier figure was better.
        """
        started = time.monotonic()
        epoch = -(-self.num_done // self._course.epoch_steps)
        with self._state.weights_to_use():
            figures = measure(epoch)
            is_best = figures[self._course.figures[0]] >= self._best
            if is_best:
                with unfinished(best) as part:
                    save(part)
        self._best = max(self._best, figures[self._course.figures[0]])
        means = {
            name: float(np.mean([values[name] for values in self._losses] or [np.nan]))
            for name in self._course.losses
        }
        self._losses = []
        self._epochs.add(means | dict(figures) | {"step": self.num_done, "epoch": epoch})
        self._board.add({f"validation/{k}": v for k, v in figures.items()}, self.num_done)
        told = ({"loss": means["loss"]} if epoch else {}) | dict(figures)
        reached = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in told.items())
        self._report(f"epoch {epoch}: {reached}" + (", the best so far" if is_best else ""))
        self._checkpoint()
        self._progress.pause(time.monotonic() - started)

    def _checkpoint(self) -> None:
        self._state.save()
        self._saved = time.monotonic()
