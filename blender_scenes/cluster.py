"""Scenes on a Ray cluster: one task each, wherever a CPU is free. `out` must lie on storage that all nodes share."""

import faulthandler
import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from blender_scenes.workers import RECYCLE_AFTER, Failure, Outcome, Start, T, attempt
from coldstart.errors import UserError

__all__ = ["run"]

AHEAD = 1000  # tasks that Ray holds at a time; it looks through all of them for each that ends


def run(start: Start[T], todo: Iterable[int], *, cpus: int, retries: int, timeout: float) -> Iterator[Outcome[T]]:
    """Have a Ray cluster work on the scenes of `todo`; yields an outcome for each, in the order they finish.

    The cluster is the one that RAY_ADDRESS names, else one that runs on this machine, else a new one of this machine
    alone. Each task takes `cpus` cores. A scene whose process or node dies, takes longer than `timeout` seconds (0 = as
    long as it likes) or raises is tried again, `retries` times. Worker processes are recycled.

    Raises:
        UserError: there is no Ray here or no cluster at the address, or a task raised it.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UserError("workers=ray: this Python has no ray; pip install 'coldstart-vision[cluster]'") from None
    if not ray.is_initialized():
        try:
            _knock(os.environ.get("RAY_ADDRESS", ""))
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(f"workers=ray: no cluster ({' '.join(str(error).split())}); set RAY_ADDRESS") from None
    scene = ray.remote(num_cpus=cpus, max_calls=RECYCLE_AFTER, max_retries=0)(_scene)
    pickled, queue, running = pickle.dumps(start), iter(todo), dict[Any, tuple[int, int]]()

    def give(index: int, attempt: int) -> None:
        running[scene.remote(pickled, index, timeout)] = index, attempt

    for index in islice(queue, AHEAD):
        give(index, 0)
    try:
        while running:
            (ended,), _ = ray.wait(list(running), num_returns=1)
            index, tried = running.pop(ended)
            try:
                message = ray.get(ended)
            except ray.exceptions.RayError:
                message = Failure(f"its process or node died, or it took longer than scene_timeout={timeout:g} s")
            if isinstance(message, UserError):
                raise message
            if isinstance(message, Failure) and tried < retries:
                give(index, tried + 1)
                continue
            yield Outcome(index, failure=message) if isinstance(message, Failure) else Outcome(index, message)
            for another in islice(queue, 1):
                give(another, 0)
    finally:
        for task in running:
            ray.cancel(task, force=True)


def _knock(address: str) -> None:
    """Raises OSError at once if nothing listens at a host:port; Ray itself would go on trying for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _scene(pickled: bytes, index: int, timeout: float) -> Any:
    """One task: what the scene gives, a `Failure` or a `UserError`. A hung process ends itself."""
    if timeout:
        faulthandler.dump_traceback_later(timeout, exit=True)
    try:
        return attempt(lambda: _performer(pickled)(index))
    finally:
        faulthandler.cancel_dump_traceback_later()


@lru_cache(maxsize=1)
def _performer(pickled: bytes) -> Callable[[int], Any]:
    """Started once per process; the bytes are those of a `Start`."""
    return pickle.loads(pickled)()
