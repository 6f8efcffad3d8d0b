"""The doors of the three packages: what they give, and the page of help that each has."""

from __future__ import annotations

import ast
import pydoc
import re
import subprocess
import sys

import pytest

import effects
import segmentation
import stream
from tests.folders import ROOT

FACES = [effects, segmentation, stream]


def page(face) -> str:
    return pydoc.plain(pydoc.render_doc(face))


@pytest.mark.parametrize("face", FACES)
def test_help_has_every_name_and_what_it_is(face):
    shown = page(face)
    described = shown.partition("PACKAGE CONTENTS")[0]
    for name in face.__all__:
        assert hasattr(face, name)
        assert re.search(rf"^ +(\w+, )*{name}\b.*", described, re.MULTILINE), name
        in_detail = rf"^    (class )?{name}\b( = |\(|.* = class )"
        assert re.search(in_detail, shown, re.MULTILINE), name
    assert set(face.__all__) <= set(dir(face))


@pytest.mark.parametrize("face", FACES)
def test_help_describes_what_is_called(face):
    for name in face.__all__:
        value = getattr(face, name)
        if callable(value) and getattr(value, "__module__", "").startswith(face.__name__):
            assert value.__doc__, name
            assert not value.__doc__.startswith(f"{name}("), "what dataclasses make"


@pytest.mark.parametrize("face", [segmentation, stream])
def test_names_are_imported_when_they_are_asked_for(face):
    program = (
        f"import sys, {face.__name__} as face; "
        "print({'numpy', 'cv2', 'keras', 'openvino'} & set(sys.modules)); "
        "print([name for name in face.__all__ if not hasattr(face, name)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n[]\n"
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        face.lode  # noqa: B018


@pytest.mark.parametrize("face", [segmentation, stream])
def test_types_and_values_are_the_same_names(face):
    tree = ast.parse((ROOT / face.__name__ / "__init__.py").read_text())
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    names = [alias.name for each in typed.body for alias in each.names]
    assert sorted(names) == sorted(face.__all__)
