"""What is wrong with a labelled folder: a page and JSON; with fix=true a new folder without it.

    python -m detect.doctor data=path/to/dataset out=outputs/doctor
    python -m detect.doctor data=path/to/labels names=[groceries] fix=true out=outputs/repaired

`data` is a dataset folder or anything that coldstart.convert reads; it is never changed. Every finding says which file
and which place; what is left out is counted and listed. See docs/doctor.md.
"""

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from coldstart import cli, convert, lineage, tracking
from coldstart.dataset import Annotation, Dataset, Image, categories_from, save, sha256, write_atomic, write_json
from coldstart.duplicates import grouped, near_duplicates
from coldstart.errors import UserError
from coldstart.formats.files import Reading, carried, stored_size
from coldstart.names import Match, Synonyms, matched
from coldstart.progress import track
from coldstart.tables import aligned
from detect.doctor_page import page
from detect.findings import KINDS, Finding, balance, boxes, copies, spellings
from detect.suspects import suspects
from detect.upright import upright_annotations, upright_bytes

__all__ = ["DoctorConfig", "doctor"]

TURNED = range(2, 9)  # EXIF orientations


@dataclass(frozen=True)
class DoctorConfig:
    """See conf/detect_doctor.yaml."""

    data: str = MISSING
    out: str = MISSING
    fix: bool = False
    names: list[str] = field(default_factory=list)
    fuzzy: float = 88.0
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        if not 0 < self.fuzzy <= 101:
            raise UserError(f"fuzzy: must be above 0 and at most 101, got {self.fuzzy}")
        if Path(self.out).resolve().is_relative_to(Path(self.data).resolve()):
            raise UserError(f"out: {self.out} lies in the data, which is never changed; choose another out=")


def doctor(config: DoctorConfig) -> None:
    """Examine `config.data`; write the page, the JSON and, if asked to, the repaired folder to `config.out`.

    Raises:
        UserError: bad config; nothing in the folder can be read; a class name that `names` does not know.
    """
    source, out, settings = Path(config.data), Path(config.out), cli.plain(config)
    synonyms = Synonyms.load(config.names) if config.names else None
    findings: list[Finding] = []
    reading = convert.read(source, lambda kind, error: findings.append(Finding(kind, str(error))))
    if not reading.dataset.images:
        first = f" ({findings[0].text})" if findings else ""
        raise UserError(f"{source}: no picture in it can be used{first}")
    table: list[Match] = []
    if synonyms:
        table = matched(reading.dataset.class_names, synonyms, config.fuzzy)
    if lineage.claim(out, "doctor", settings, {"data": source, **_files(config.names)}):
        print(f"{out / 'doctor.html'}: already complete")
        return
    with tracking.start(config.logger, "doctor", settings, out) as run, tempfile.TemporaryDirectory() as scratch:
        turned, staged = _staged(reading, Path(scratch))
        found, dataset = _examined(staged, table)
        findings = sorted([*findings, *turned, *found], key=lambda f: list(KINDS).index(f.kind))
        report = _report(staged, dataset, findings, table)
        write_json(out / "doctor.json", report)
        if table:
            write_atomic(out / "names.tsv", _tsv(report["names"]))
        write_atomic(out / "doctor.html", page(source, staged, findings, report, config.fix).encode())
        if config.fix:
            _write(dataset, out)
        run.summary(report["counts"])
    lineage.complete(out, **report["after"])
    rows = [[kind, str(n), f"fix=true {KINDS[kind][1]}"] for kind, n in report["counts"].items()]
    print(aligned([["finding", "number", ""], *rows]) if rows else "nothing found")
    read, kept = report["before"], report["after"]
    print(
        f"{read['images']} images and {read['boxes']} boxes could be read; {kept['images']} and {kept['boxes']} ",
        end="",
    )
    print(f"{'are' if config.fix else 'would be'} kept: {(out / 'doctor.html').resolve()}")


def _files(names: Sequence[str]) -> dict[str, str]:
    """Your own files of synonyms, which are parents of the folder too."""
    return {f"names[{i}]": name for i, name in enumerate(names) if Path(name).is_file()}


def _staged(reading: Reading, scratch: Path) -> tuple[list[Finding], Dataset]:
    """The dataset with its pictures in images/ and upright: where it is if they are, else as a copy in `scratch`."""
    dataset = reading.dataset
    paths = [dataset.path(image) for image in dataset.images]
    if all(path.is_file() and stored_size(path)[1] not in TURNED for path in paths):
        return [], dataset
    for files in reading.pictures:
        for name, content in files.items():
            write_atomic(scratch / name, content)
    return _upright(replace(dataset, root=scratch))


def _upright(dataset: Dataset) -> tuple[list[Finding], Dataset]:
    """Turn what is stored turned, in place."""
    findings: list[Finding] = []
    images: list[Image] = []
    annotations: list[Annotation] = []
    by_image = dataset.by_image()
    for image in dataset.images:
        own, size, path = by_image[image["id"]], (image["width"], image["height"]), dataset.path(image)
        stored, orientation = stored_size(path)
        if orientation in TURNED:
            meant = "stored" if size == stored else "shown"
            text = f"{image['file_name']}: EXIF orientation {orientation}; its boxes are for the pixels as {meant}"
            findings.append(Finding("turned", text, image["file_name"]))
            write_atomic(path, upright_bytes(path))
            own = upright_annotations(own, image, stored, orientation)
            size = stored[::-1] if orientation >= 5 else stored
        images.append({**image, "width": size[0], "height": size[1]})
        annotations += own
    return findings, replace(dataset, images=images, annotations=annotations)


def _examined(dataset: Dataset, table: Sequence[Match]) -> tuple[list[Finding], Dataset]:
    """What is wrong, and the dataset as it would be."""
    # Copies first: the places in `pairs` are those in the dataset as it came.
    pairs = near_duplicates([dataset.path(image) for image in dataset.images])
    ids = [image["id"] for image in dataset.images]
    groups = [[ids[i] for i in group] for group in grouped(len(ids), pairs)]
    findings, dataset = copies(dataset, pairs)
    if table:
        dataset = _renamed(dataset, {m.name: m.target or m.name for m in table})
    else:
        findings += spellings(dataset.class_names)
    of_boxes, dataset = boxes(dataset)
    findings += of_boxes
    return [*findings, *suspects(dataset, groups), *balance(dataset)[0]], dataset


def _renamed(dataset: Dataset, target: dict[str, str]) -> Dataset:
    """The classes under their canonical names; those that share one become one."""
    before = {c["id"]: c["name"] for c in dataset.categories}
    categories = categories_from(dict.fromkeys(target[name] for name in dataset.class_names))
    number = {c["name"]: c["id"] for c in categories}
    annotations: list[Annotation] = [
        {**a, "category_id": number[target[before[a["category_id"]]]]} for a in dataset.annotations
    ]
    return replace(dataset, categories=categories, annotations=annotations)


def _report(before: Dataset, after: Dataset, findings: Sequence[Finding], table: Sequence[Match]) -> dict[str, Any]:
    number = Counter(a["category_id"] for a in before.annotations)
    boxes_of = {c["name"]: number[c["id"]] for c in before.categories}
    counts = Counter(f.kind for f in findings)
    return {
        "before": {"images": len(before.images), "boxes": len(before.annotations)},
        "after": {"images": len(after.images), "boxes": len(after.annotations)},
        "counts": {kind: counts[kind] for kind in KINDS if counts[kind]},
        "classes": balance(after)[1],
        "names": [
            {"name": m.name, "class": m.target, "how": m.how, "score": m.score, "boxes": boxes_of[m.name]}
            for m in table
        ],
        "findings": [{**asdict(f), "fix": KINDS[f.kind][1]} for f in findings],
    }


def _tsv(rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), delimiter="\t", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def _write(dataset: Dataset, out: Path) -> None:
    """The dataset folder, its annotations last."""
    images: list[Image] = []
    for image in track(dataset.images, "writing", unit="img"):
        content = dataset.path(image).read_bytes()
        for name, data in {f"images/{image['file_name']}": content, **carried(dataset, image)}.items():
            write_atomic(out / name, data)
        images.append({**image, "sha256": sha256(content)})
    save(replace(dataset, root=out, images=images))


if __name__ == "__main__":
    cli.run(doctor, DoctorConfig, "detect_doctor", __doc__)
