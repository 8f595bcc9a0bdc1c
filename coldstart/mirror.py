"""A second place for what a training must not lose with its machine: any folder that fsspec opens, such as `s3://…`.

    mirror = Mirror("s3://bucket/runs/a")      # credentials and endpoint as AWS has them: AWS_ACCESS_KEY_ID, …

It holds the run's card.json, its last checkpoints, and what the finished run left. A checkpoint lies there as
`<steps>-<sha256>.ckpt`: none replaces another, so an upload that is cut off leaves the one before it as it was. S3
shows an object only when all of it has arrived; on a store that would show half of one, it does not fit its name.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from coldstart import lineage
from coldstart.dataset import sha256
from coldstart.errors import UserError

__all__ = ["Mirror"]

KEPT = 2  # checkpoints, besides the one that was resumed from
NAME = re.compile(r"(\d{8,})-([0-9a-f]{64})\.ckpt")


class Mirror:
    """The folder at `url`.

    What cannot be written is told on stderr and tried again with the next checkpoint: a training does not end because
    its mirror is away for a while. Being away at the start ends it, since going on without could waste days.

    Raises:
        UserError: nothing here opens such a URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.resumed: str | None = None  # the checkpoint that this training goes on from
        try:
            self.fs, self.root = url_to_fs(url, skip_instance_cache=True)
        except (ImportError, ValueError) as error:
            raise UserError(f"mirror: {url}: {error}; s3:// needs pip install 'coldstart-vision[s3]'") from None

    def restore(self, out: Path, checkpoint: Path, done: int, results: Sequence[str]) -> bool:
        """Bring claimed `out` to where the mirror stands, if that is further; True if it stands at the end.

        Fetches the `checkpoint`, of which `out` has that of `done` steps (0: none), or the `results` of a run that was
        finished.

        Raises:
            UserError: the mirror holds another config's run, or cannot be used; a fresh `out` is withdrawn.
        """
        try:
            return self._restore(out, checkpoint, done, results)
        except UserError:
            lineage.withdraw(out)
            raise
        except Exception as error:  # every store has its own; none is worth a traceback
            lineage.withdraw(out)
            raise UserError(f"mirror: {self.url} cannot be used ({_short(error)}); {REMEDY}") from None

    def _restore(self, out: Path, checkpoint: Path, done: int, results: Sequence[str]) -> bool:
        own, theirs = lineage.read_card(out), self._card()
        if theirs is None:
            if isinstance(self.fs, LocalFileSystem):  # stores make the folders of their keys themselves
                self.fs.makedirs(self.root, exist_ok=True)
            self.fs.put_file(str(out / "card.json"), self._at("card.json"))
            return False
        try:
            differing = lineage.differences(theirs, own)
        except (KeyError, TypeError, AttributeError):
            differing = ["card.json, which is not a card of ours"]
        if differing:
            raise UserError(
                f"mirror: {self.url} holds data of another config (differs in {', '.join(differing[:5])}); "
                "choose another mirror="
            )
        if theirs.get("complete"):
            for name in results:
                self._fetch(name, out / name, None)
            return True
        self._newest(checkpoint, done)
        return False

    def push(self, path: Path, step: int) -> None:
        """Copy a checkpoint of `step` steps, then remove older ones, but never that which was resumed from."""

        def copy() -> None:
            name = f"{step:08}-{sha256(path)}.ckpt"
            self.fs.put_file(str(path), self._at(name))
            older = [other for at, other in self._checkpoints() if at < step]
            for other in set(older[KEPT - 1 :]) - {self.resumed}:
                self.fs.rm_file(self._at(other))

        self._writing(f"the checkpoint of step {step}", copy)

    def finish(self, out: Path, results: Sequence[str]) -> None:
        """Copy the `results` of a completed `out`, then its card: where that says complete, all are there."""
        for name in [*results, "card.json"]:
            self._writing(name, lambda name=name: self.fs.put_file(str(out / name), self._at(name)))  # type: ignore[misc]

    def _at(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"

    def _card(self) -> Any:
        try:
            return json.loads(self.fs.cat_file(self._at("card.json")))
        except FileNotFoundError:
            return None

    def _checkpoints(self) -> list[tuple[int, str]]:
        """Steps and names, newest first."""
        self.fs.invalidate_cache()
        try:
            names = [Path(entry).name for entry in self.fs.ls(self.root, detail=False)]
        except FileNotFoundError:
            return []
        return sorted(((int(m[1]), m[0]) for n in names if (m := NAME.fullmatch(n))), reverse=True)

    def _newest(self, path: Path, done: int) -> None:
        """Put the newest whole checkpoint at `path`, unless what is there is as far."""
        for step, name in self._checkpoints():
            if step <= done:
                self.resumed = name
                return
            match = NAME.fullmatch(name)
            assert match is not None
            if self._fetch(name, path, match[2]):
                self.resumed = name
                print(f"going on from {self.url}/{name}")
                return
            print(f"warning: mirror: {self.url}/{name} is damaged; taking the one before it", file=sys.stderr)

    def _fetch(self, name: str, path: Path, digest: str | None) -> bool:
        """Replace `path` at once by the mirror's file, if it has that sha256."""
        partial = path.with_name(f".{path.name}.partial")
        self.fs.get_file(self._at(name), str(partial))
        whole = digest in (None, sha256(partial))
        if whole:
            partial.replace(path)
        else:
            partial.unlink()
        return whole

    def _writing(self, what: str, task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:
            print(f"warning: mirror: {self.url}: {what} cannot be written ({_short(error)})", file=sys.stderr)


REMEDY = "check its address, AWS_ENDPOINT_URL and the credentials, or leave mirror out"


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
