"""docs/options.md, the help and profiles know the same options: those that commands declare."""

from __future__ import annotations

import re

import pytest

import run
from stream.commands.parts.command_line import MOST_SHOWN, Parser
from stream.commands.parts.profiles import checked
from tests.documents.options_page import page, parsers
from tests.folders import ROOT

PARSERS = dict(parsers())


def shown(text: str) -> set[str]:
    """Return the options that have a line in a help."""
    return set(re.findall(r"^  (?:-\w(?: [^ ,]+)?, )?(--[\w-]+)", text, re.MULTILINE))


def declared(parser: Parser) -> set[str]:
    return {f"--{each.name}" for each in parser.options if each.action.option_strings}


def help_of(title: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    with pytest.raises(SystemExit):
        run.main([*title.split()[1:], "--help", *more])
    return capsys.readouterr().out


def test_the_page_is_made_of_the_options() -> None:
    text = (ROOT / "docs/options.md").read_text()
    assert text == page(), "make it anew: python -m tests.documents.options_page docs/options.md"
    for parser in PARSERS.values():
        for name in declared(parser):
            assert re.search(rf"`[^`]*{name}\b", text), name


@pytest.mark.parametrize("title", PARSERS)
def test_argparse_knows_no_other_options(title: str) -> None:
    parser = PARSERS[title]
    assert parser._actions == [option.action for option in parser.options]
    assert all(option.action.help for option in parser.options)
    assert len({option.name for option in parser.options}) == len(parser.options)


@pytest.mark.parametrize("title", PARSERS)
def test_help_has_all_options_and_not_too_many(title: str, capsys) -> None:
    usual = help_of(title, capsys)
    whole = help_of(title, capsys, "all")
    assert shown(whole) == declared(PARSERS[title])
    assert len(shown(usual)) <= MOST_SHOWN
    left_out = shown(whole) - shown(usual)
    assert left_out == {f"--{option.name}" for option in PARSERS[title].left_out}
    assert bool(left_out) == (len(PARSERS[title].options) > MOST_SHOWN)
    assert bool(left_out) == (f"{len(left_out)} more options: {title} --help all" in usual)
    assert not any(f"[{name}" in usual for name in left_out), "nor in the line of usage"


def test_every_option_stands_in_profiles_or_says_that_it_does_not(tmp_path) -> None:
    parser = PARSERS["run.py"]
    for option in parser.options:
        if option.is_kept:
            value = True if option.action.nargs == 0 else EXAMPLES.get(option.name, "1")
            assert checked({option.name: value}, parser, tmp_path)
    alone = {option.name for option in parser.options if not option.is_kept}
    assert alone == {"help", "version", "debug", "overwrite", "profile", "save-profile"}


#: Where not every text is a value.
EXAMPLES = {
    "camera-format": "mjpg",
    "camera-size": "640x480",
    "codec": "hevc",
    "encoder": "auto",
    "model": "portrait",
    "quality": "medium:20",
    "reuse": "flow",
    "sound": "mic:yeti,delay=40",
    "stats": "figures.json",
    "backend": "keras",
    "device": "cpu",
    "precision": "float32",
    "detail": "fine",
}
