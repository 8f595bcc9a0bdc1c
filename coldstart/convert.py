"""Convert a dataset folder to YOLO, Pascal VOC or WebDataset, or those, TSV or any COCO to a dataset folder.

    python -m coldstart.convert source=outputs/renders to=yolo out=outputs/yolo
    python -m coldstart.convert source=outputs/yolo to=coco out=outputs/back

What the source is shows from its files. Every picture keeps its bytes. What a format cannot carry waits in a side-car
for the way back; docs/formats.md says what that is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Protocol

from omegaconf import MISSING

from coldstart import cli, lineage, tracking
from coldstart.dataset import Dataset, Image, check_records, load, save, sha256, write_atomic
from coldstart.errors import UserError
from coldstart.formats import coco, shards, tsv, voc, yolo
from coldstart.formats.files import Files, Output, Reading, Tolerate, moved, places, refuse
from coldstart.progress import track

__all__ = ["FORMATS", "ConvertConfig", "convert", "read"]

SHOWN = 8  # pictures that go to the logger


class Source(Protocol):
    """What a module in `coldstart.formats` offers."""

    def is_one(self, folder: Path) -> bool:
        """Whether the folder holds this format."""

    def read(self, folder: Path, tolerate: Tolerate = refuse) -> Reading:
        """The dataset in a folder of this format."""


class Format(Source, Protocol):
    """What a module offers whose format is also written."""

    def write(self, dataset: Dataset, shard_bytes: int) -> Output:
        """The files of the dataset in this format."""


FORMATS: dict[str, Format] = {"yolo": yolo, "voc": voc, "webdataset": shards}
SOURCES: dict[str, Source] = {**FORMATS, "tsv": tsv, "coco export": coco}


@dataclass(frozen=True)
class ConvertConfig:
    """See conf/convert.yaml."""

    source: str = MISSING
    to: str = MISSING
    out: str = MISSING
    shard_mb: int = 256
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        if self.to not in ("coco", *FORMATS):
            raise UserError(f"to: {self.to!r} is none of coco, {', '.join(FORMATS)}")
        if self.shard_mb < 1:
            raise UserError(f"shard_mb: must be 1 or more, got {self.shard_mb}")


def convert(config: ConvertConfig) -> None:
    """Write `config.source` in the format `config.to` to `config.out`.

    Raises:
        UserError: bad config or input, or `out` holding another config's data.
    """
    source, out = Path(config.source), Path(config.out)
    kind = _kind(source)
    if kind == config.to:
        raise UserError(f"{source}: is in the format {kind} already")
    if "coco" not in (kind, config.to):
        raise UserError(f"{source}: is in the format {kind}; convert it to=coco first, and that to={config.to}")
    if kind == "coco":
        dataset = load(source)
        for image in dataset.images:
            places(dataset, image)  # refuses what leads out of the folder before anything is written
        dataset = replace(dataset, images=[moved(image, source, out) for image in dataset.images])
        head, pictures = FORMATS[config.to].write(dataset, config.shard_mb * 2**20)
    else:
        dataset, pictures = SOURCES[kind].read(source)
        check_records(dataset, source)
        head = {}
    settings = cli.plain(config)
    if lineage.claim(out, "convert", settings, {"source": source}):
        print(f"{out}: already complete")
        return
    with tracking.start(config.logger, "convert", settings, out) as run:
        progress = track(pictures, f"{kind} to {config.to}", total=len(dataset.images), unit="img")
        hashes = _write(out, head, progress)
        if config.to == "coco":
            copied = [moved(image, source, out) for image in dataset.images]
            images: list[Image] = [{**i, "sha256": hashes[f"images/{i['file_name']}"]} for i in copied]
            dataset = replace(dataset, root=out, images=images)
            save(dataset)
        counts = {"images": len(dataset.images), "boxes": len(dataset.annotations)}
        run.images("pictures", [dataset.path(image) for image in dataset.images[:SHOWN]])
        run.summary(counts)
    lineage.complete(out, **counts)
    print(f"{out}: {counts['images']} images, {counts['boxes']} objects as {config.to}")


def read(source: Path, tolerate: Tolerate) -> Reading:
    """The dataset in a folder of any format, a dataset folder included, without what `tolerate` lets pass.

    COCO pictures that are stored turned are handed on without a word: to turn them is the caller's.

    Raises:
        UserError: the folder holds no or two formats, or nothing can be read in it.
    """
    kind = _kind(source)

    def note(fault: str, error: UserError) -> None:
        if fault != "turned":
            tolerate(fault, error)

    return (coco if kind == "coco" else SOURCES[kind]).read(source, note)


def _kind(source: Path) -> str:
    """The format of a folder."""
    if not source.is_dir():
        raise UserError(f"{source}: no such folder")
    kinds = [name for name, format in SOURCES.items() if format.is_one(source)]
    kinds += ["coco"] if (source / "annotations.json").is_file() else []
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        raise UserError(f"{source}: looks like {' and '.join(kinds)} at once; move all but one elsewhere")
    raise UserError(f"{source}: has none of annotations.json, data.yaml, Annotations/*.xml, *.tsv and *.tar")


def _write(out: Path, head: Files, pictures: Iterator[Files]) -> dict[str, str]:
    """Write all files; the sha256 of each picture of a dataset folder, by its path in it."""
    hashes = {}
    for files in chain([head], pictures):
        for name, data in files.items():
            write_atomic(out / name, data)
            if name.startswith("images/"):
                hashes[name] = sha256(data)
    return hashes


if __name__ == "__main__":
    cli.run(convert, ConvertConfig, "convert", __doc__)
