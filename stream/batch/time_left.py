"""How long the rest of a batch takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from stream.batch.jobs.job import Job, Outcome


class TimeLeft:
    """An estimate by the length of videos and the number of photos.

    How long a video is that nobody has opened yet is guessed from its size.

    Args:
        jobs: all that are to be done.
        num_workers: says how many do them.
    """

    def __init__(self, jobs: Iterable[Job], num_workers: Callable[[], int]) -> None:
        """Look at the sizes of the videos."""
        self._num_workers = num_workers
        self._bytes = {job: job.num_bytes() for job in jobs if not job.is_photo}
        self._photos = {job for job in jobs if job.is_photo}
        self._photo_s = self._video_s = self._media_s = 0.0
        self._num_photos = self._num_bytes = 0

    def done(self, job: Job, outcome: Outcome) -> None:
        """Take note of a job that has ended."""
        if job.is_photo:
            self._photos.discard(job)
            self._num_photos += 1
            self._photo_s += outcome.seconds
        else:
            num_bytes = self._bytes.pop(job, 0)
            if outcome.duration_s is not None:
                self._num_bytes += num_bytes
                self._media_s += outcome.duration_s
                self._video_s += outcome.seconds

    def seconds(self, under_way: Mapping[Job, float]) -> float | None:
        """Return how long it takes from now on, `None` as long as nothing is known.

        Args:
            under_way: videos, and how far they are, in seconds.
        """
        left = 0.0
        if self._bytes:
            if not (self._media_s and self._num_bytes):
                return None
            media_s = sum(self._bytes.values()) * self._media_s / self._num_bytes
            media_s -= sum(under_way.get(job, 0.0) for job in self._bytes)
            left += max(0.0, media_s) * self._video_s / self._media_s
        if self._photos:
            if not self._num_photos:
                return None
            left += len(self._photos) * self._photo_s / self._num_photos
        return left / self._num_workers()
