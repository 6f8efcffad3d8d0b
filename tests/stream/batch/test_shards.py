"""Parts of a batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.batch.jobs.job import Job
from stream.batch.shards import Shard, parse_shard


def test_parts_are_disjoint_and_all_of_it() -> None:
    jobs = [Job(Path(f"{number}.jpg"), (Path(f"o/{number}.jpg"),), True) for number in range(11)]
    parts = [Shard(number, 4).jobs(jobs) for number in range(4)]
    assert sorted((job for part in parts for job in part), key=jobs.index) == jobs
    assert {len(part) for part in parts} == {2, 3}


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        (None, {}, Shard(0, 1)),
        ("2/8", {}, Shard(2, 8)),
        ("/8", {"JOB_COMPLETION_INDEX": "7"}, Shard(7, 8)),
        ("0/1", {"SLURM_ARRAY_TASK_COUNT": "9", "SLURM_ARRAY_TASK_ID": "4"}, Shard(0, 1)),
        (
            None,
            {
                "SLURM_ARRAY_TASK_ID": "14",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "2",
                "SLURM_ARRAY_TASK_COUNT": "5",
            },
            Shard(2, 5),
        ),
    ],
)
def test_who_says_which_part(
    text: str | None, environment: dict[str, str], expected: Shard
) -> None:
    assert parse_shard(text, environment) == expected


@pytest.mark.parametrize("text", ["8/8", "-1/8", "1", "/8", "a/b", "0/0"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be I/N|the parts of"):
        parse_shard(text, {})


def test_kubernetes_does_not_say_how_many_parts_there_are() -> None:
    with pytest.raises(ValueError, match="add --shard /N"):
        parse_shard(None, {"JOB_COMPLETION_INDEX": "0"})
