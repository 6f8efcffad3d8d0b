"""docs/batch.md: its manifest is one that Kubernetes takes, and fits the command it runs."""

from __future__ import annotations

import re

import kubernetes_validate
import yaml

from stream.batch.shards import parse_shard
from stream.commands.batch import command_parser
from tests.folders import ROOT

PAGE = (ROOT / "docs/batch.md").read_text()


def test_the_manifest_is_a_job() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    manifest = yaml.safe_load(text)
    kubernetes_validate.validate(manifest, "1.31", strict=True)
    spec = manifest["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    program, command, *arguments = container["command"]
    assert (program, command) == ("maskcast", "batch")
    options = command_parser().parse_args(arguments)
    last = {"JOB_COMPLETION_INDEX": str(spec["completions"] - 1)}
    assert parse_shard(options.shard, last).of == spec["completions"]
    (mount,) = container["volumeMounts"]
    assert options.output.startswith(f"{mount['mountPath']}/")


def test_no_line_lets_ray_tell_who_uses_it() -> None:
    lines = [line for line in PAGE.splitlines() if re.match(r"(\S+=\S+ )*ray start ", line)]
    assert len(lines) == 2
    assert all("--disable-usage-stats" in line for line in lines)
