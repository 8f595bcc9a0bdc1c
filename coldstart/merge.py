"""Merge dataset folders of the same classes into one.

    python -m coldstart.merge sources=[outputs/fridge,outputs/shelf] out=outputs/both

Images, annotations and files are numbered anew, source after source; masks, passes and scene records go along, and
every field that a record holds is kept. Classes count by name: sources may number them differently, the first one's
numbers hold.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from coldstart import cli, lineage, tracking
from coldstart.dataset import Annotation, Dataset, Image, load, save, sha256, write_atomic
from coldstart.errors import UserError
from coldstart.formats.files import moved, places
from coldstart.progress import track

__all__ = ["MergeConfig", "category_ids", "merge"]

SHOWN = 8  # pictures that go to the logger


@dataclass(frozen=True)
class MergeConfig:
    """See conf/merge.yaml."""

    sources: list[str] = MISSING
    out: str = MISSING
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        if len(self.sources) < 2:
            raise UserError("sources: give two dataset folders or more, as sources=[A,B]")
        if len({Path(source).resolve() for source in self.sources}) < len(self.sources):
            raise UserError("sources: names the same folder twice")


def merge(config: MergeConfig) -> None:
    """Write the images of all of `config.sources` to the dataset folder `config.out`.

    Raises:
        UserError: bad config or input, classes that clash, or `out` holding another config's data.
    """
    out, sources = Path(config.out), [load(source) for source in config.sources]
    ids = category_ids(sources)
    renamed = _renamed(sources, out)
    settings = {key: value for key, value in cli.plain(config).items() if key != "sources"}  # they are the parents
    parents = {f"source {n}": source for n, source in enumerate(config.sources)}
    if lineage.claim(out, "merge", settings, parents):
        print(f"{out}: already complete")
        return
    images: list[Image] = []
    annotations: list[Annotation] = []
    with tracking.start(config.logger, "merge", settings, out) as run:
        by_image = [source.by_image() for source in sources]
        for number, old, new in track(renamed, "merge", unit="img"):
            source = sources[number]
            objects: list[Annotation] = [
                {**a, "category_id": ids[number][a["category_id"]]} for a in by_image[number][old["id"]]
            ]
            picture = source.path(old).read_bytes()
            write_atomic(out / "images" / new["file_name"], picture)
            images.append({**new, "sha256": sha256(picture)})
            _carry(source, old, out, new, ids[number])
            annotations += [
                {**a, "id": n, "image_id": new["id"]} for n, a in enumerate(objects, start=len(annotations) + 1)
            ]
        info = {"description": f"Merged from {', '.join(config.sources)}", "merged": [s.info for s in sources]}
        merged = Dataset(out, images, annotations, sources[0].categories, info)
        save(merged)
        counts = {"images": len(images), "boxes": len(annotations)}
        run.images("merged", [merged.path(image) for image in images[:SHOWN]])
        run.summary(counts)
    lineage.complete(out, **counts)
    twice = len(images) - len({image["sha256"] for image in images})
    print(f"{out}: {counts['images']} images, {counts['boxes']} objects from {len(sources)} folders")
    if twice:
        print(f"{out}: {twice} pictures are copies of another one")


def category_ids(sources: Sequence[Dataset]) -> list[dict[int, int]]:
    """For each source, the id in the first source of the class with the same name, by its own id.

    Raises:
        UserError: a source lacks a class, has one more, or spells one otherwise than the first source.
    """
    first = sources[0]
    wanted = {c["name"]: c["id"] for c in first.categories}
    spellings = {_spelling(name): name for name in wanted}
    for source in sources[1:]:
        names = set(source.class_names)
        for name in sorted(names - wanted.keys()):
            if other := spellings.get(_spelling(name)):
                raise UserError(f"{source.root}: class {name!r} is spelt {other!r} in {first.root}; spell it one way")
        said = [f"lacks {', '.join(sorted(wanted.keys() - names))}"] if wanted.keys() - names else []
        said += [f"has {', '.join(sorted(names - wanted.keys()))} besides"] if names - wanted.keys() else []
        if said:
            raise UserError(
                f"{source.root}: {' and '.join(said)}, compared with the classes of {first.root}; an object of a class "
                "that one folder does not label would count as background there"
            )
    return [{c["id"]: wanted[c["name"]] for c in source.categories} for source in sources]


def _spelling(name: str) -> str:
    """What two spellings of one name share: letters and digits, without case."""
    return "".join(c for c in name.casefold() if c.isalnum()) or name


def _renamed(sources: Sequence[Dataset], out: Path) -> list[tuple[int, Image, Image]]:
    """Number of the source, its image record, and the record in the merged folder; ids from 1, files from 000000."""
    renamed: list[tuple[int, Image, Image]] = []
    scenes: dict[tuple[int, str], str] = {}  # images of the same scene keep sharing its record
    for number, source in enumerate(sources):
        for old in source.images:
            stem = f"{len(renamed):06d}"
            suffix = Path(old["file_name"]).suffix.lower()
            new: Image = {**moved(old, source.root, out), "id": len(renamed) + 1, "file_name": stem + suffix}
            places(source, old)  # refuses a scene outside its folder before anything is written
            if source.scene_path(old):
                new["scene"] = scenes.setdefault((number, old["scene"]), f"scenes/{stem}.json")
            renamed.append((number, old, new))
    return renamed


def _carry(source: Dataset, old: Image, out: Path, new: Image, ids: dict[int, int]) -> None:
    """Copy mask, passes and scene record of an image; the scene record's own image and annotations follow suit."""
    targets = places(Dataset(out, [], [], []), new).values()
    for path, target in zip(places(source, old).values(), targets, strict=True):
        if not path.is_file():
            continue
        data = path.read_bytes()
        if "scene" in new and target == out / new["scene"]:
            if target.is_file():
                continue
            data = _scene(path, data, new, ids)
        write_atomic(target, data)


def _scene(path: Path, data: bytes, image: Image, ids: dict[int, int]) -> bytes:
    try:
        content: dict[str, Any] = json.loads(data)
        if "image" in content:
            content["image"] = image
        if "annotations" in content:
            content["annotations"] = [{**a, "category_id": ids[a["category_id"]]} for a in content["annotations"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is not a scene record of ours ({error!r}); restore it or remove it") from None
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    cli.run(merge, MergeConfig, "merge", __doc__)
