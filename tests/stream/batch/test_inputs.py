"""Which files a batch does, and what they become."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stream.batch.inputs import Found, find_jobs
from stream.errors import StreamError


def make(folder: Path, *names: str) -> Path:
    """Write photos and what may be taken for videos."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".jpg", ".bmp"):
            cv2.imwrite(str(path), np.zeros((4, 6, 3), np.uint8))
        else:
            path.write_bytes(b"\0 no text")
    return folder


def found(
    folder: Path,
    *inputs: str | Path,
    to: Sequence[str] = (),
    is_transparent: bool = False,
    keep_endings: bool = False,
) -> Found:
    return find_jobs(
        list(map(str, inputs)),
        folder,
        to,
        is_transparent=is_transparent,
        keep_endings=keep_endings,
    )


def outputs(folder: Path, result: Found) -> list[str]:
    return [str(each.relative_to(folder)) for job in result.jobs for each in job.outputs]


def test_a_folder_keeps_its_structure(tmp_path: Path) -> None:
    source = make(
        tmp_path / "in", "b.jpg", "a/b.jpg", "a/c.mkv", ".hidden.jpg", ".d/x.jpg", "t.txt"
    )
    result = found(tmp_path / "out", source)
    assert outputs(tmp_path / "out", result) == ["a/b.jpg", "a/c.mkv", "b.jpg"]
    assert [job.is_photo for job in result.jobs] == [True, False, True]
    assert result.remarks == [f"passed over 1, neither photos nor videos: {source / 't.txt'}"]


def test_videos_of_cameras_and_under_names_of_photos_are_work(tmp_path: Path) -> None:
    names = ["PXL_1.MP", "VID_1.insv", "MOV01.MOD", "a.divx", "b.qt", "c.hevc", "GOPR01.mp4"]
    source = make(tmp_path / "in", *names)
    make(source, "GOPR01.LRV")  # a small copy, whose output would have the name of the video's
    (source / "IMG_1.jpg").write_bytes(b"\0\0\0\x20ftypisom" + bytes(20))
    result = found(tmp_path / "out", source)
    assert [job.is_photo for job in result.jobs] == [False] * 8
    assert "IMG_1.mp4" in outputs(tmp_path / "out", result)
    copy = source / "GOPR01.LRV"
    assert result.remarks == [f"passed over 1, neither photos nor videos: {copy}"]


def test_texts_that_are_called_like_videos_are_passed_over(tmp_path: Path) -> None:
    source = make(tmp_path / "in", "b.jpg")
    texts = [source / name for name in ("app.ts", "go.mod")]
    for text in texts:
        text.write_text('import { a } from "./b";\n\treturn "é";\n', "utf-8")
    (source / "tuner.ts").write_bytes(b"\x47\x40\x11\x10\0\x42" + b"\xff" * 182)
    result = found(tmp_path / "out", source)
    assert outputs(tmp_path / "out", result) == ["b.jpg", "tuner.mp4"]
    assert result.remarks == [f"passed over 2, neither photos nor videos: {texts[0]}, {texts[1]}"]
    # one that is named alone is told as what cannot be read
    assert outputs(tmp_path / "out", found(tmp_path / "out", texts[0])) == ["app.mp4"]


def test_of_several_folders_each_keeps_its_name(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one", "a.jpg"), make(tmp_path / "two", "a.jpg")
    result = found(tmp_path / "out", one, two)
    assert outputs(tmp_path / "out", result) == ["one/a.jpg", "two/a.jpg"]


def test_globs_and_lists(tmp_path: Path) -> None:
    source = make(tmp_path / "in", "a.jpg", "b.jpg", "c d.mp4", "sub/e.png")
    listed = tmp_path / "list.txt"
    listed.write_text(f"{source}/c d.mp4\n\n{source}/sub\n")
    result = found(tmp_path / "out", f"{source}/*.jpg", f"@{listed}")
    assert outputs(tmp_path / "out", result) == ["a.jpg", "b.jpg", "c d.mp4", "e.png"]


def test_what_is_named_twice_is_done_once(tmp_path: Path) -> None:
    source = make(tmp_path / "in", "a.jpg")
    (tmp_path / "link.jpg").symlink_to(source / "a.jpg")
    result = found(tmp_path / "out", source, source / "a.jpg", tmp_path / "link.jpg")
    assert len(result.jobs) == 1
    assert [remark.partition(": ")[2] for remark in result.remarks] == [
        f"the same file as {source / 'a.jpg'}; done once"
    ] * 2


def test_outputs_are_no_inputs(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "out/a.jpg", "out/b.jpg")
    assert outputs(tmp_path / "out", found(tmp_path / "out", tmp_path)) == ["a.jpg"]


def without_rights(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let nobody look into a folder, not even root."""
    refused = OSError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    scan, look = os.scandir, os.stat

    def scandir(path: Any) -> Any:
        if Path(path) == folder:
            raise refused
        return scan(path)

    def stat(path: Any, **more: Any) -> os.stat_result:
        if not isinstance(path, int) and folder in Path(path).parents:
            raise refused
        return look(path, **more)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "stat", stat)


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path / "in", "a.jpg", "closed/b.jpg", "open/c.jpg")
    without_rights(monkeypatch, source / "closed")
    result = found(tmp_path / "out", source, source / "closed")
    assert outputs(tmp_path / "out", result) == ["in/a.jpg", "in/open/c.jpg"]
    error = f"{source}/closed: cannot be read (Permission denied), and what is in it is left out"
    assert [(each.place, each.error) for each in result.unread] == [(source / "closed", error)]
    assert found(source / "closed", source).unread == []  # where no inputs are looked for
    with pytest.raises(StreamError, match=r"b\.jpg: cannot be read \(Permission denied\)"):
        found(tmp_path / "out", source / "closed/b.jpg")


def test_links_to_folders_are_told_unless_what_they_lead_to_is_done(tmp_path: Path) -> None:
    source, other = make(tmp_path / "in", "sub/a.jpg"), make(tmp_path / "other", "b.jpg")
    out = make(tmp_path / "out", "c.jpg")
    for name, target in (("other", other), ("loop", source), ("out", out)):
        (source / name).symlink_to(target, target_is_directory=True)
    told = "passed over 1, links to folders, which are followed only where they are named: "
    assert found(out, source).remarks == [f"{told}{source}/other"]
    assert found(out, source, other).remarks == []
    assert outputs(out, found(out, source / "other")) == ["b.jpg"]


def test_names_that_keep_their_endings_do_not_clash(tmp_path: Path) -> None:
    source = make(tmp_path / "in", "p.3gp", "p.ts", "p.mp4", "q.jpg", "q.bmp")
    out = tmp_path / "out"
    assert outputs(out, found(out, source, keep_endings=True)) == [
        *("p.3gp.mp4", "p.mp4", "p.ts.mp4", "q.bmp", "q.jpg")
    ]
    (source / "p.ts").unlink()  # which changes the name of no other
    assert outputs(out, found(out, source, to=[".png"], keep_endings=True)) == [
        *("p.3gp.png", "p.mp4.png", "q.bmp.png", "q.jpg.png")
    ]


def test_all_clashes_are_told_with_what_helps_against_each(tmp_path: Path) -> None:
    source = make(tmp_path / "in", "p.3gp", "p.ts", "q.avi", "q.mp4", "r.mp4", "s/r.mp4")
    out = tmp_path / "out"
    clashes = [
        f"{out}/{name}.mp4: would be the output of {source}/{name}.{one}, {source}/{name}.{other}"
        for name, one, other in (("p", "3gp", "ts"), ("q", "avi", "mp4"))
    ]
    keep = "--keep-endings keeps the endings of the inputs as well, as in p.3gp.mp4"
    with pytest.raises(StreamError) as told:
        found(out, source)
    assert str(told.value) == "; ".join([*clashes, keep])
    same = f"{out}/r.mp4: would be the output of {source}/r.mp4, {source}/s/r.mp4"
    above = "name the folder above files of one name, whose structure is kept, or begin a batch"
    with pytest.raises(StreamError) as told:
        found(out, source / "r.mp4", source / "s/r.mp4")
    assert str(told.value) == f"{same}; {above} for each"
    make(source, "p.3gp.mp4")
    with pytest.raises(StreamError, match=r"in/p\.3gp, .*in/p\.3gp\.mp4; rename all but one of"):
        found(out, source, keep_endings=True)


def test_lists_as_other_programs_write_them(tmp_path: Path) -> None:
    """Names may hold whatever a disk allows, which ends lines for Python."""
    odd = ["a\u0085b.mp4", "a\u2028b.mp4", "a\x0cb.mp4", os.fsdecode(b"\xff.mp4")]
    source = make(tmp_path / "in", "a.mp4", *odd)
    listed = tmp_path / "list.txt"
    lines = "".join(f"{source}/{name}\r\n" for name in ("a.mp4", *odd[:3]))
    for data in (
        os.fsencode("".join(f"{source}/{name}\n" for name in ("a.mp4", *odd))),
        lines.encode("utf-8-sig"),
        lines.encode("utf-16"),
    ):
        listed.write_bytes(data)
        names = ["a.mp4", *odd] if b"\xff.mp4" in data else ["a.mp4", *odd[:3]]
        found_names = outputs(tmp_path / "out", found(tmp_path / "out", f"@{listed}"))
        assert found_names == sorted(names)


@pytest.mark.skipif(sys.platform == "win32", reason="no such files")
def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    source = make(tmp_path / "in", "a.jpg")
    os.mkfifo(source / "pipe")
    os.mkfifo(source / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(source / "socket"))
        for given in (source, f"{source}/*"):
            result = found(tmp_path / "out", given)
            assert outputs(tmp_path / "out", result) == ["a.jpg"]
            assert result.remarks == [
                "passed over 3, no regular files: "
                + ", ".join(f"{source}/{name}" for name in ("pipe", "pipe.mp4", "socket"))
            ]
    with pytest.raises(StreamError, match=r"pipe\.mp4: is no regular file"):
        found(tmp_path / "out", source, source / "pipe.mp4")


@pytest.mark.parametrize(
    ("name", "to", "is_transparent", "expected"),
    [
        ("a.JPG", [], False, ["a.JPG"]),
        ("a.heic", [], False, ["a.png"]),
        ("a.avi", [], False, ["a.mp4"]),
        ("a.tar.mkv", [], False, ["a.tar.mkv"]),
        ("a.jpg", [], True, ["a.png"]),
        ("a.mp4", [], True, ["a.mov"]),
        ("a.webm", [], True, ["a.webm"]),
        ("a.mp4", [".mkv", ".jsonl"], False, ["a.mkv", "a.jsonl"]),
        ("no ending", [], False, ["no ending.mp4"]),
    ],
)
def test_endings(
    tmp_path: Path, name: str, to: list[str], is_transparent: bool, expected: list[str]
) -> None:
    path = make(tmp_path, name.replace("JPG", "jpg")) / name.replace("JPG", "jpg")
    path = path.rename(tmp_path / name)
    out = tmp_path / "out"
    assert outputs(out, found(out, path, to=to, is_transparent=is_transparent)) == expected


def test_what_cannot_be_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    source = make(tmp_path / "in", "a.jpg", "a.bmp", "b/a.png")
    with pytest.raises(StreamError, match=r"a\.png: would be the output of .*a\.bmp, .*a\.jpg"):
        found(tmp_path / "out", source, to=[".png"])
    with pytest.raises(StreamError, match=r"nothing\.mp4: no such file"):
        found(tmp_path / "out", source, tmp_path / "nothing.mp4")
    with pytest.raises(StreamError, match="2 files are not there"):
        found(tmp_path / "out", "x.mp4", "y.mp4")
    with pytest.raises(StreamError, match="the list cannot be read"):
        found(tmp_path / "out", "@nothing.txt")
    with pytest.raises(StreamError, match=r"--to \.docx"):
        found(tmp_path / "out", source, to=[".docx"])
