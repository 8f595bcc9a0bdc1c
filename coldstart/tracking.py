"""One run per command: W&B (offline unless told otherwise), a CSV file, or nothing."""

import csv
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from coldstart import artifacts
from coldstart.errors import UserError
from coldstart.lineage import read_card

__all__ = ["LoggerConfig", "Resumed", "Run", "start"]


@dataclass
class LoggerConfig:
    """See conf/logger/."""

    kind: str = "wandb"
    project: str = "coldstart"
    mode: str = "offline"
    group: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("wandb", "csv", "none"):
            raise UserError(f"logger.kind: {self.kind!r} is none of wandb, csv, none")
        if self.mode not in ("offline", "online"):
            raise UserError(f"logger.mode: {self.mode!r} is neither offline nor online")


class Resumed(NamedTuple):
    """A run to go on with: its id and the logger's next step."""

    id: str
    step: int


class Run:
    """A run that logs nothing; the others say where they log to."""

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Numbers at a step."""

    def images(self, name: str, files: Sequence[Path], captions: Sequence[str] | None = None) -> None:
        """Pictures that are already on disk."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Rows of cells to sort and filter by; a `Path` is a picture on disk."""

    def summary(self, values: Mapping[str, Any]) -> None:
        """The numbers that stand for the run."""

    def lightning(self) -> Any:
        """What `Trainer(logger=…)` takes."""
        return False

    def resumed(self) -> Resumed | None:
        """What `start` needs to go on with this run from here; None where the folder's files suffice."""
        return None

    def finish(self, failed: bool) -> None:
        """Close the run."""


class CsvRun(Run):
    """Rows of `step, name, value` in metrics.csv."""

    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self.file = (out / "metrics.csv").open("a", newline="")
        self.writer = csv.writer(self.file)

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one row per number."""
        self.writer.writerows([("" if step is None else step), k, v] for k, v in metrics.items())

    def summary(self, values: Mapping[str, Any]) -> None:
        """Append one row per value, without a step."""
        self.log(values)

    def lightning(self) -> Any:
        """Lightning's own CSV logger, in a folder beside."""
        from pytorch_lightning.loggers import CSVLogger

        return CSVLogger(str(self.out), name="lightning")

    def finish(self, failed: bool) -> None:
        """Close the file."""
        self.file.close()


class WandbRun(Run):
    """A Weights & Biases run; offline runs lie in the out folder until `wandb sync` uploads them."""

    def __init__(
        self, config: LoggerConfig, stage: str, settings: Mapping[str, Any], out: Path, resumed: Resumed | None
    ) -> None:
        self.mode: Literal["offline", "online"] = "online" if config.mode == "online" else "offline"
        if self.mode == "offline":
            os.environ["WANDB_ERROR_REPORTING"] = "false"  # or W&B asks a server, offline or not, where to send errors
            # What is uploaded later stays with the run, not in the home directory.
            os.environ["WANDB_DATA_DIR"] = str(out.resolve() / "wandb")
        import wandb

        self.wandb = wandb
        out.mkdir(parents=True, exist_ok=True)
        try:
            self.run = wandb.init(
                project=config.project,
                group=config.group,
                job_type=stage,
                name=f"{stage}-{out.name}",
                dir=str(out),
                mode=self.mode,
                id=resumed.id if resumed else None,
                resume="allow" if resumed else None,
                config=dict(settings),
                settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
            )
        except wandb.Error as error:
            raise UserError(f"logger: W&B cannot start ({error}); use logger.mode=offline or logger=csv") from None
        if resumed and self.mode == "offline":  # online, the server knows
            self.run.log({}, step=resumed.step)
        self.out = out

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers; W&B steps only go forward."""
        self.run.log(dict(metrics), step=step)

    def images(self, name: str, files: Sequence[Path], captions: Sequence[str] | None = None) -> None:
        """Log pictures under `name`."""
        captions = captions or [f.name for f in files]
        pictures = [self.wandb.Image(str(f), caption=c) for f, c in zip(files, captions, strict=True)]
        self.run.log({name: pictures})

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table under `name`."""
        cells = [[self.wandb.Image(str(c)) if isinstance(c, Path) else c for c in row] for row in rows]
        self.run.log({name: self.wandb.Table(columns=list(columns), data=cells)})

    def summary(self, values: Mapping[str, Any]) -> None:
        """Set summary values."""
        self.run.summary.update(dict(values))

    def lightning(self) -> Any:
        """Lightning's W&B logger on this same run."""
        from pytorch_lightning.loggers import WandbLogger

        return WandbLogger(experiment=self.run)

    def resumed(self) -> Resumed:
        """The run's id, and a step beyond that which may still be open."""
        return Resumed(self.run.id, self.run.step + 1)

    def finish(self, failed: bool) -> None:
        """Record lineage, close the run and say how to upload it."""
        if (self.out / "card.json").is_file():
            card = read_card(self.out)
            self.run.config.update(  # type: ignore[no-untyped-call]
                {"lineage": {k: card.get(k) for k in ("git", "parents", "coldstart")}}, allow_val_change=True
            )
            self._artifacts(card, made=not failed)
        folder = Path(self.run.dir).parent
        self.run.finish(exit_code=int(failed))
        if self.mode == "offline":
            print(f"W&B run kept offline; upload it with: wandb sync {folder}", file=sys.stderr)

    def _artifacts(self, card: Mapping[str, Any], made: bool) -> None:
        """Declare what was used and, if the run came to its end, what it made."""
        for artifact in artifacts.inputs(card):
            if self.mode == "online":
                self.run.use_artifact(artifact)
            else:  # what use_artifact does with one that is not yet there, but refuses to do offline
                self.run._log_artifact(artifact, is_user_created=True, use_after_commit=True)
        for artifact in artifacts.outputs(self.out) if made else ():
            self.run.log_artifact(artifact)


@contextmanager
def start(
    config: LoggerConfig, stage: str, settings: Mapping[str, Any], out: str | Path, resumed: Resumed | None = None
) -> Iterator[Run]:
    """Open the run of one command, or go on with the one in `resumed`.

    `stage` becomes the W&B job type, `settings` its config.
    """
    run = _open(config, stage, settings, Path(out), resumed)
    try:
        yield run
    except BaseException:
        run.finish(failed=True)
        raise
    run.finish(failed=False)


def _open(config: LoggerConfig, stage: str, settings: Mapping[str, Any], out: Path, resumed: Resumed | None) -> Run:
    if config.kind == "wandb":
        if importlib.util.find_spec("wandb"):
            return WandbRun(config, stage, settings, out, resumed)
        print("warning: this Python has no wandb; the run is logged to metrics.csv instead", file=sys.stderr)
    return Run() if config.kind == "none" else CsvRun(out)
