"""A second witness: what a detector trained on renders finds in the render and no longer in the translation."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coldstart.dataset import Dataset, asked, list_photos
from coldstart.errors import UserError
from gan.audit.verdicts import FAILED, ImageAudit

__all__ = ["testify"]

SAME, NEAR = 0.5, 0.3  # intersection over union of a detection with its object; with anything at all
Found = dict[str, Any]  # bbox [x, y, width, height], name, score


def testify(
    audits: Sequence[ImageAudit],
    folder: Dataset,
    checkpoint: str,
    out: Path,
    *,
    scores: tuple[float, float],
    device: str,
) -> None:
    """Run `detect.predict` on both sides and put into `audits` what it says against an object or the background.

    `scores` are what counts as found (score) and as nothing (below doubt), `device` what the detector runs on.
    An object of the render found with `score` or more under its own class has vanished if nothing with `doubt` or more
    is found on it in the translation, and is changed if only other classes are, one of them with `score` or more. A
    detection with `score` or more on no object of the labels, where the render has none with `doubt` or more, has
    appeared.

    Raises:
        UserError: the detector cannot be run, or the renders do not lie in one folder.
    """
    score, doubt = scores
    sources = _detect(checkpoint, [a.source for a in audits], out / "detector" / "source", doubt, device)
    pictures = [folder.path(a.image) for a in audits]
    translations = _detect(checkpoint, pictures, out / "detector" / "translated", doubt, device)
    names = {c["id"]: c["name"] for c in folder.categories}
    for audit, before, after in zip(audits, sources, translations, strict=True):
        for item in audit.objects:
            name, box = names[item.annotation["category_id"]], item.annotation["bbox"]
            known = [d for d in before if d["name"] == name and d["score"] >= score and _iou(d["bbox"], box) >= SAME]
            if not known or item.verdict in FAILED or not asked(item.annotation):
                continue
            left = [d for d in after if _iou(d["bbox"], box) >= SAME]
            if not left:
                item.verdict, item.reason = "vanished", "not detected any more"
            elif all(d["name"] != name for d in left):
                best = max(left, key=lambda d: float(d["score"]))
                if best["score"] >= score:
                    item.verdict, item.reason = "changed", f"detected as {best['name']}"
        taken = [item.annotation["bbox"] for item in audit.objects] + [d["bbox"] for d in before]
        for found in after:
            if found["score"] >= score and all(_iou(found["bbox"], box) < NEAR for box in taken):
                audit.appeared.append([round(v) for v in found["bbox"]])


def _detect(checkpoint: str, paths: Sequence[Path], out: Path, doubt: float, device: str) -> list[list[Found]]:
    """Detections on each of `paths`, which lie in one folder, by the command that a user would type."""
    root = paths[0].parent
    if (root.parent / "annotations.json").is_file():
        root = root.parent
    keys = {"checkpoint": checkpoint, "images": root, "out": out}
    quoted = [f"{key}='{value}'" for key, value in keys.items()]
    command = [sys.executable, "-m", "detect.predict", *quoted, f"score={doubt}", f"accelerator={device}"]
    done = subprocess.run([*command, "logger=none"], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"detect.predict on {root}: {said[-1].removeprefix('error: ')}")
    content = json.loads((out / "detections.json").read_text(encoding="utf-8"))
    names = {c["id"]: c["name"] for c in content["categories"]}
    listed = {path.resolve(): number for number, path in enumerate(list_photos(root), start=1)}
    grouped: dict[int, list[Found]] = {number: [] for number in listed.values()}
    for d in content["annotations"]:
        grouped[d["image_id"]].append({"bbox": d["bbox"], "name": names[d["category_id"]], "score": d["score"]})
    missing = [path for path in paths if path.resolve() not in listed]
    if missing:
        raise UserError(
            f"{missing[0]}: is not in {root}, the folder the detector was run on; keep renders in one folder"
        )
    return [grouped[listed[path.resolve()]] for path in paths]


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / max(a[2] * a[3] + b[2] * b[3] - shared, 1e-9)
