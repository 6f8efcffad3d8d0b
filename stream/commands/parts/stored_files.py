"""A run whose source or outputs lie in object stores: on this machine's disk meanwhile."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stream.commands.parts.command_line import CommandError, say
from stream.commands.parts.progress import download_bar
from stream.errors import StreamError
from stream.ffmpeg.address_secrets import secrets_hidden
from stream.stores.addresses import is_in_store, place

if TYPE_CHECKING:
    from upath import UPath

    from stream.commands.parts.interruption import Interruption
    from stream.stores.scratch import Scratch


class StoredFiles:
    """What of a run lies in object stores.

    Attributes:
        fetched: the source, by its path here.
        sent: outputs to be, by their paths here.

    Args:
        interruption: that of the run.
    """

    def __init__(self, interruption: Interruption) -> None:
        """Know of none."""
        self.fetched: dict[Path, UPath] = {}
        self.sent: dict[Path, UPath] = {}
        self._interruption = interruption
        self._why: dict[Path, str] = {}

    def renamed(self, text: str) -> str:
        """Return a message with the files called as they were asked for."""
        for here, asked in (self.fetched | self.sent).items():
            text = text.replace(str(here), str(asked))
        return text

    def say(self, text: str) -> None:
        """Print a message likewise, without secrets."""
        say(secrets_hidden(self.renamed(text)))

    def send(self) -> None:
        """Send the outputs that there are; what cannot be sent is kept here.

        Raises:
            StreamError: some could not be sent; says where they lie.
            KeyboardInterrupt: somebody has no time; `keep` what there is.
        """
        from stream.stores.transfers import put

        self._interruption.go_on()
        for here in self._whole():
            asked = self.sent[here]
            try:
                with download_bar(asked.name) as on_progress:
                    put(here, asked, on_progress)
                here.unlink()
            except StreamError as error:
                self._why[here] = str(error)
        if kept := self._kept():
            raise StreamError("; ".join(kept))

    def keep(self) -> None:
        """Take out of the scratch folder what is not sent, and say where it lies."""
        for line in self._kept():
            self.say(line)

    def _whole(self) -> list[Path]:
        """Return the outputs that are there, and not sent."""
        return [here for here in self.sent if here.exists()]

    def _kept(self) -> list[str]:
        """Take files out of the scratch folder; returns what is to be told.

        Raises:
            KeyboardInterrupt: somebody has no time for them to be copied; that was said.
        """
        from stream.stores.rescue import copied_home, moved_home, set_aside

        self._interruption.leave()  # in which time all is renamed
        unsent = {
            here: self._why.get(here, f"{self.sent[here]}: not sent") for here in self._whole()
        }
        home = {here: moved_home(here) for here in unsent}
        lies = {here: at or set_aside(here) for here, at in home.items()}
        try:
            for here in (here for here, at in home.items() if at is None):
                at = lies[here]
                self.say(f"{self.sent[here]}: it lies in {at} until it is copied from there")
                if copy := copied_home(at):
                    lies[here] = copy
                    shutil.rmtree(at.parent, ignore_errors=True)
        except KeyboardInterrupt:
            for here, why in unsent.items():
                self.say(f"{why}; it lies in {lies[here]}")
            raise
        return [f"{why}; it lies in {lies[here]}" for here, why in unsent.items()]

    def sent_all_the_same(self) -> list[str]:
        """Send what there is where something else has failed; returns what else is to be told."""
        try:
            self.send()
        except StreamError as error:
            return [str(error)]
        return []


@contextlib.contextmanager
def stored_files(options: argparse.Namespace, interruption: Interruption) -> Iterator[StoredFiles]:
    """Bring the source here and send the outputs when they are whole, where they are in a store.

    The options name what lies here meanwhile.

    Args:
        options: of the command.
        interruption: entered, for all of it: what is not sent is not there again.

    Raises:
        CommandError: what is asked for cannot go there.
        StreamError: an object store refuses something.
    """
    files = StoredFiles(interruption)
    if not any(is_in_store(each) for each in (options.source, *(options.output or ()))):
        yield files
        return
    from stream.stores.scratch import Scratch

    with Scratch(say) as scratch:
        try:
            _prepare_outputs(options, files, scratch)
            _fetch(options, files, scratch)
            with _sent_whatever_fails(files):
                yield files
            files.send()
        except BaseException:  # it was given up; what is whole is not for that to be deleted
            files.keep()
            raise


@contextlib.contextmanager
def _sent_whatever_fails(files: StoredFiles) -> Iterator[None]:
    """Send what was written where a run fails, and let its error tell of that."""
    try:
        yield
    except Exception as error:
        further = files.sent_all_the_same()
        if isinstance(error, StreamError):
            text = "; ".join([str(error), *further])
            raise StreamError(files.renamed(text)) from error
        for each in further:
            error.add_note(files.renamed(each))
        raise


def _prepare_outputs(options: argparse.Namespace, files: StoredFiles, scratch: Scratch) -> None:
    """Give outputs places here, before anything is fetched or done in vain."""
    from stream.sinks import is_file_ending
    from stream.sources import local_files
    from stream.stores.objects import check_bucket, state_of

    outputs, source = list(options.output or ()), place(options.source)
    for number, address in enumerate(outputs):
        if not is_in_store(address):
            continue
        if not is_file_ending(os.path.splitext(address)[1].lower()):
            raise CommandError(
                f"-o {address}: only files go to an object store one by one; folders with "
                "`run.py batch`"
            )
        is_file = is_in_store(options.source) or bool(local_files(options.source))
        if options.realtime or not is_file:
            raise CommandError(
                f"-o {address}: what is live is written to a disk first, so that nothing is lost"
            )
        target = place(address)
        assert not isinstance(target, Path)
        if target == source or target in files.sent.values():
            raise StreamError(f"{address}: is the input, or named twice; name another output")
        check_bucket(target)
        with contextlib.suppress(FileNotFoundError):
            state_of(target)
            if not options.overwrite:
                raise StreamError(
                    f"{address}: exists; name another output, or add -y to replace it"
                )
        here = scratch.path_for(target.name, is_to_send=True)
        files.sent[here], outputs[number] = target, str(here)
    options.output = outputs


def _fetch(options: argparse.Namespace, files: StoredFiles, scratch: Scratch) -> None:
    if not is_in_store(options.source):
        return
    from stream.stores.transfers import fetch

    source = place(options.source)
    assert not isinstance(source, Path)
    here = scratch.path_for(source.name)
    try:
        with download_bar(source.name) as on_progress:
            fetch(source, here, on_progress)
    except FileNotFoundError as error:
        raise StreamError(
            f"{source}: no such file; of folders `run.py batch` does all files"
        ) from error
    files.fetched[here], options.source = source, str(here)
