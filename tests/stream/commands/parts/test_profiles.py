"""Profiles as files: what is saved, what is read again, and what is refused in one line."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from pathlib import Path

import pytest

from stream.commands.parts.cast_options import cast_parser
from stream.commands.parts.command_line import CommandError
from stream.commands.parts.profile_saving import save_profile
from stream.commands.parts.profiles import (
    CommandLine,
    find_profile,
    named_profile,
    profile_folder,
    profile_names,
    read_command_line,
)
from stream.errors import StreamError

#: Of each kind of option one, and values that TOML has to escape.
ARGUMENTS = [
    *("-o", "window:", "-o", 'a "b"\\c.mp4', "--background", "#2a6f97", "--invert"),
    *("--size", "512", "--min-score", "0.30", "--keyframe", "auto:5", "--split", "10"),
    *("--quality", "slow:18", "--keep", "#3,zebra\tcrossing,\u00e9\U0001f600\u007f", "2"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The folder of profiles, of nobody."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config/maskcast/profiles"


def understood(*arguments: str) -> CommandLine:
    return read_command_line(arguments, cast_parser)


def save(name: str, *arguments: str, overwrite: bool = False) -> list[str]:
    command = understood(*arguments, f"--save-profile={name}")
    return save_profile(command, cast_parser(), overwrite=overwrite)


def written(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "meet.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# === Saved and read ===


def test_what_was_saved_is_what_was_asked_for(folder):
    assert save("meet", *ARGUMENTS) == [f"profile: {folder / 'meet.toml'}"]
    again = vars(understood("--profile", "meet").options)
    asked = vars(cast_parser().parse_args(ARGUMENTS))
    assert again.pop("profile") == "meet"
    assert asked.pop("profile") is None
    assert again == asked


def test_options_that_differ_are_saved_each_with_its_help(folder):
    save("meet", "--effect", "blur", "--size", "512", "--min-score", "0.5", "--codec", "hevc", "0")
    text = (folder / "meet.toml").read_text()
    assert tomllib.loads(text) == {"size": 512, "min-score": 0.5, "codec": "hevc"}
    lines = text.splitlines()
    for option in cast_parser().options:
        for line in lines:
            if line.startswith(f"{option.name} = "):
                assert lines[lines.index(line) - 1] == f"# {option.action.help}"


def test_every_option_can_be_saved_and_read(folder):
    values = {"model": "portrait", "reuse": "hold", "backend": "keras", "device": "cpu"}
    values |= {"sound": "mic:yeti,delay=40"}
    values |= {
        "precision": "float32",
        "detail": "fine",
        "codec": "av1",
        "encoder": "auto",
        "quality": "fast:30",
    }
    values |= {"camera-size": "640x480", "camera-format": "yuyv"}
    values |= {"stats": "a.json", "fps": "30000/1001", "split": "auto", "min-score": "0.7"}
    for option in cast_parser().options:
        if not option.is_kept:
            continue
        value = values.get(option.name, "7")
        flag = option.action.nargs == 0
        arguments = [f"--{option.name}" if flag else f"--{option.name}={value}"]
        arguments = arguments if option.action.option_strings else [value]
        save("one", *arguments, overwrite=True)
        assert list(tomllib.loads((folder / "one.toml").read_text())) == [option.name]
        again = understood("--profile", "one").options
        assert vars(again) == vars(cast_parser().parse_args(arguments)) | {"profile": "one"}


def test_the_command_line_counts_more(folder):
    save("meet", "-o", "a.mp4", "-o", "b.mp4", "--effect", "grey", "--size", "512", "talk.mp4")
    options = understood("--profile", "meet", "-o", "c.mp4", "--effect", "blur").options
    assert options.output == ["c.mp4"]
    assert (options.effect, options.size, options.source) == ("blur", 512, "talk.mp4")
    assert understood("demo:", "--profile", "meet").options.source == "demo:"


def test_numbers_lists_and_single_values_are_understood(folder):
    path = written(
        folder, 'source = 1\noutput = "a.mp4"\nfps = 12.5\nkeyframe = 5\ninvert = false\n'
    )
    options = understood("--profile", str(path)).options
    assert (options.source, options.output, options.keyframe) == ("1", ["a.mp4"], "5")
    assert options.fps == 12.5
    assert options.invert is False


def test_files_that_are_read_are_found_from_any_folder(folder, tmp_path):
    for name in ("talk.mp4", "beach.jpg", "b.png", "my.h5", "0", "blur", "person"):
        (tmp_path / name).touch()
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/1.png").touch()
    arguments = ("--effect", "replace=beach.jpg", "--background", "b.png", "--weights", "my.h5")
    save("meet", *arguments, "-o", "out.mp4", "--keep", "person", "talk.mp4")
    saved = tomllib.loads((folder / "meet.toml").read_text())
    assert saved["source"] == str(tmp_path / "talk.mp4")
    assert saved["effect"] == f"replace={tmp_path / 'beach.jpg'}"
    assert saved["background"] == [str(tmp_path / "b.png")]
    assert saved["weights"] == str(tmp_path / "my.h5")
    assert saved["output"] == ["out.mp4"], "written where the program runs"
    assert saved["keep"] == "person"
    for source, expected in {
        "frames/*.png": str(tmp_path / "frames/*.png"),
        "frames": str(tmp_path / "frames"),
        "00": "00",
        "gone.mp4": "gone.mp4",
        "screen:": "screen:",
    }.items():
        save("meet", source, "--effect", "blur=0.3", overwrite=True)
        saved = tomllib.loads((folder / "meet.toml").read_text())
        assert saved == {"source": expected, "effect": "blur=0.3"}


def test_nobody_else_reads_it(folder):
    save("meet", "--invert")
    assert stat.S_IMODE((folder / "meet.toml").stat().st_mode) == 0o600
    for each in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    assert os.listdir(folder) == ["meet.toml"]


def test_a_profile_is_replaced_only_when_that_is_asked_for(folder):
    save("meet", "--invert")
    before = (folder / "meet.toml").read_text()
    with pytest.raises(StreamError, match=r"meet.toml: exists; name another profile, or add -y"):
        save("meet", "--size", "512")
    assert (folder / "meet.toml").read_text() == before
    save("meet", "--profile", "meet", "-y", "--size", "512", overwrite=True)
    saved = tomllib.loads((folder / "meet.toml").read_text())
    assert saved == {"invert": True, "size": 512}, "with what it had, and without -y"


# === Names ===


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../meet", "a/b", "/etc/passwd", "a\\b", ".hidden", ".toml", "-o", "a\nb"),
        *("C:meet", "what?", "meet.", "meet ", "a\x1b[1mb", "a\udc80b", "a\u2028b"),
        *("x" * 251, "\u00e9" * 126),
    ],
)
def test_hostile_names_are_refused(folder, tmp_path, name):
    with pytest.raises(CommandError) as raised:
        save(name, "--invert")
    assert str(raised.value).isprintable()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["x" * 250, "\u00e9" * 125, "my talk", "v1.2", "\u5f55\u50cf"])
def test_other_names_are_names(folder, name):
    save(name, "--invert")
    assert profile_names() == [name]
    assert find_profile(name) == folder / f"{name}.toml"
    assert understood("--profile", name).options.invert


def test_the_ending_may_be_said():
    assert named_profile("meet.toml") == named_profile("meet")


def test_a_misspelt_name_lists_those_there_are(folder):
    with pytest.raises(CommandError, match=r"there is no such profile in .*; --save-profile NAME"):
        understood("--profile", "meet")
    save("meet", "--invert")
    save("talk", "--invert")
    with pytest.raises(CommandError, match=r"there are meet, talk; did you mean meet\?$"):
        understood("--profile", "meat")
    with pytest.raises(CommandError, match=r"there are meet, talk$"):
        understood("--profile", "x")
    with pytest.raises(CommandError, match=r"^--profile ./x.toml: there is no such file$"):
        understood("--profile", "./x.toml")


def test_folders_of_other_systems(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert profile_folder() == tmp_path / ".config/maskcast/profiles"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert profile_folder() == tmp_path / "Library/Application Support/maskcast/profiles"
    monkeypatch.setattr(sys, "platform", "win32")
    assert profile_folder() == tmp_path / "Roaming/maskcast/profiles"


# === Files that are wrong ===


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("efect = 'grey'", "'efect' is no option; did you mean effect?"),
        ("zzz = 1", "'zzz' is no option; there are source, output, fps, "),
        ("[effect]\nname = 'grey'", "effect: a text or a number, got {'name': 'grey'}"),
        ("overwrite = true", "'overwrite' is for the command line; "),
        ("profile = 'other'", "'profile' is for the command line; "),
        ("help = true", "'help' is for the command line; "),
        ("invert = 'yes'", "invert: true or false, got 'yes'"),
        ("invert = 1", "invert: true or false, got 1"),
        ("size = 0", "size: a positive number, got '0'"),
        ("size = true", "size: a text or a number, got True"),
        ("effect = ['grey', 'blur']", "effect: a text or a number, got ["),
        ("output = [1979-05-27]", "output: a text or a number, or a list of them, got "),
        ("model = 'yolo'", "model: one of auto, portrait, "),
        ("min-score = nan", "min-score: a number from 0 to 1, got 'nan'"),
        ("quality = 'best'", "quality: one of ultrafast "),
        ("stats = 'a.txt'", "stats: a name that ends in .json"),
        ("effect = 'grey", "is no TOML ("),
        ("effect = 'a'\neffect = 'b'", "is no TOML ("),
        (b"effect = '\xff'", "is no TOML ("),
        ("x = " + "[" * 100_000, "is no TOML ("),
        ("#" * (1 << 20) + "\n", "is too large for a profile"),
        ("\x1b[1m = 1", "is no TOML ("),
        ('"\\u001b[1m" = 1', "'\\x1b[1m' is no option"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_is_right(folder, text, words):
    path = written(folder, text)
    with pytest.raises(CommandError) as raised:
        understood("--profile", "meet")
    line = str(raised.value)
    assert line.startswith(f"{path}: ")
    assert words in line
    assert "\n" not in line


def test_files_that_are_none(folder):
    (folder / "meet.toml").mkdir(parents=True)
    os.mkfifo(folder / "pipe.toml")
    for name in ("meet", "pipe", "/dev/zero", str(folder) + "/"):
        with pytest.raises(CommandError, match="there is no such"):
            understood("--profile", name)


def test_a_name_that_is_no_text_cannot_be_saved(folder):
    with pytest.raises(CommandError, match="holds bytes that are no text"):
        save("meet", "-o", "a\udcff.mp4")
    assert not folder.exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "config").touch()
    with pytest.raises(StreamError, match="cannot be written"):
        save("meet", "--invert")


# === Secrets ===


def test_secrets_are_left_out_and_named(folder, monkeypatch):
    addresses = [
        "rtmp://a.example/live2/first-key",
        "rtmp://b.example/live2/second-key?x=1",
        "srt://me:word@c.example:9000?mode=caller&passphrase=ten-letters",
        "rtmp://d.example/live2/first-key",
    ]
    source = "rtsp://me:word@192.0.2.7/stream?subtype=1"
    told = save("my stream", source, *(f"-o{each}" for each in addresses))
    text = (folder / "my stream.toml").read_text()
    secrets = ("first-key", "second-key", "me:word", "ten-letters")
    for secret in secrets:
        assert secret not in text
        assert secret not in "\n".join(told)
    prefix = "MASKCAST_MY_STREAM_"
    names = [f"{prefix}{name}" for name in ("LOGIN", "KEY", "KEY_2", "PASSPHRASE")]
    assert [line.rpartition(" ")[2] for line in told[1:]] == names
    assert told[1].startswith("left out of it: the login of rtsp://192.0.2.7/stream?subtype=1; ")
    with pytest.raises(StreamError, match=f"the variable {names[0]} is not set"):
        understood("--profile", "my stream")
    values = ("me:word", "first-key", "second-key?x=1", "ten-letters")
    for name, value in zip(names, values, strict=True):
        monkeypatch.setenv(name, value)
    options = understood("--profile", "my stream").options
    assert (options.source, options.output) == (source, addresses)


def test_variables_stay_as_they_are_written(folder, monkeypatch):
    monkeypatch.setenv("KEY", "abcd")
    address = "rtmp://a.example/live2/${KEY}"
    assert save("meet", "-o", address) == [f"profile: {folder / 'meet.toml'}"]
    assert tomllib.loads((folder / "meet.toml").read_text()) == {"output": [address]}
    assert understood("--profile", "meet").options.output == ["rtmp://a.example/live2/abcd"]
    assert understood("-o", address).options.output == ["rtmp://a.example/live2/abcd"]
