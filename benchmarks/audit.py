"""Does the label audit catch what it should? Damaged translations of renders, and what gan.audit says of them.

    python benchmarks/audit.py                     # renders 24 scenes twice, about five minutes on one core
    python benchmarks/audit.py outputs/renders outputs/translated     # a folder of yours and its translation

The undamaged translations of the first row are true pairs: the same scenes under the lamps and the camera of another
look (`clean` and `simulated_camera`); those of the other rows are made by gan.translate's closed-form models from the
same renders. Each picture is damaged four times, one object at a time:

    painted over   filled from its surroundings
    shifted        by 8 pixels in any direction, the hole filled
    colour-swapped its R, G and B exchanged, in the way that changes its colour most
    copied         pasted a second time where no object is

An object that is as good as grey is not changed by an exchange (mean CIE76 distance below 15); another is taken. Caught
is a damaged object with a verdict that fails, or a copy where a region appeared. False alarms are failing objects of
the undamaged folder among those that are judged, and undamaged images in which something appeared.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy import ndimage

from coldstart import cli, dataset
from coldstart.dataset import Annotation, Dataset, png_bytes
from coldstart.tables import aligned
from gan.audit import FAILED, ImageAudit, Limits, audit_folder
from gan.audit.colour import lab
from gan.guide import read_instances

SCENES = ["scene=fridge", "count=24", "size=[240,320]", "seed=77", "logger=none"]
LEAST_CHANGE = 15.0
Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]
Damaged = tuple[Pixels, list[int]]  # the picture and the box of what was done to it
Damage = Callable[[Pixels, Mask, Mask, np.random.Generator], Damaged | None]


def filled(picture: Pixels, hole: Mask, rng: np.random.Generator) -> Pixels:
    """H×W×3 in 0..255 with `hole` filled smoothly from around it, as noisy as the picture."""
    hole = ndimage.binary_dilation(hole, iterations=2)
    nearest = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    result = picture[nearest[0], nearest[1]]
    for sigma in (12, 6, 3, 1.5, 1, 1):
        result[hole] = ndimage.gaussian_filter(result, (sigma, sigma, 0))[hole]
    grain = picture - ndimage.gaussian_filter(picture, (1, 1, 0))
    result[hole] += rng.normal(0, 1.8 * np.median(np.abs(grain)), (hole.sum(), 3))
    return result


def pasted(ground: Pixels, picture: Pixels, mask: Mask, dx: int, dy: int) -> Damaged:
    """`ground` with what `picture` shows within `mask`, moved by (dx, dy); what leaves the frame is lost."""
    rows, columns = np.nonzero(mask)
    inside = (rows + dy >= 0) & (rows + dy < mask.shape[0]) & (columns + dx >= 0) & (columns + dx < mask.shape[1])
    rows, columns = rows[inside], columns[inside]
    result, place = ground.copy(), np.zeros_like(mask)
    result[rows + dy, columns + dx] = picture[rows, columns]
    place[rows + dy, columns + dx] = True
    return result, dataset.mask_box(place)


def painted(picture: Pixels, mask: Mask, objects: Mask, rng: np.random.Generator) -> Damaged:
    """Painted over."""
    return filled(picture, mask, rng), dataset.mask_box(mask)


def shifted(picture: Pixels, mask: Mask, objects: Mask, rng: np.random.Generator) -> Damaged:
    """Moved by 8 pixels."""
    angle = rng.uniform(0, 2 * np.pi)
    return pasted(filled(picture, mask, rng), picture, mask, round(8 * np.cos(angle)), round(8 * np.sin(angle)))


def swapped(picture: Pixels, mask: Mask, objects: Mask, rng: np.random.Generator) -> Damaged | None:
    """Its channels exchanged; None if that changes next to nothing."""
    before, best, most = lab(picture[mask] / 255), None, LEAST_CHANGE
    for order in permutations(range(3)):
        after = picture[mask][:, order]
        change = float(np.linalg.norm(lab(after / 255) - before, axis=1).mean())
        if change > most:
            best, most = after, change
    if best is None:
        return None
    result = picture.copy()
    result[mask] = best
    return result, dataset.mask_box(mask)


def copied(picture: Pixels, mask: Mask, objects: Mask, rng: np.random.Generator) -> Damaged | None:
    """A copy where nine tenths of it hide no object; None if there is no such place."""
    x, y, width, height = dataset.mask_box(mask)
    rows, columns = np.nonzero(mask)
    for _ in range(200):
        dx = int(rng.integers(-x, mask.shape[1] - x - width + 1))
        dy = int(rng.integers(-y, mask.shape[0] - y - height + 1))
        if objects[rows + dy, columns + dx].mean() < 0.1:
            return pasted(picture, picture, mask, dx, dy)
    return None


DAMAGES: dict[str, Damage] = {"painted over": painted, "shifted": shifted, "colour-swapped": swapped, "copied": copied}


def damaged_folder(
    folder: Dataset, judged: Sequence[Sequence[Annotation]], damage: Damage, out: Path, seed: int
) -> tuple[Dataset, dict[int, tuple[int, list[int]]]]:
    """`folder` with one of the `judged` objects of each picture damaged; the object and place by the image's id."""
    done: dict[int, tuple[int, list[int]]] = {}
    result = replace(
        folder,
        root=out,
        images=[{**i, "file_name": str(Path(i["file_name"]).with_suffix(".png"))} for i in folder.images],
    )
    for image, new, candidates in zip(folder.images, result.images, judged, strict=True):
        rng = np.random.default_rng([seed, image["id"]])
        with Picture.open(folder.path(image)) as opened:
            picture: Pixels = np.asarray(opened.convert("RGB"), np.float32)
        instances = read_instances(folder, image)
        for k in rng.permutation(len(candidates)):
            changed = damage(picture, instances == candidates[k]["instance"], instances > 0, rng)
            if changed is not None:
                picture, done[image["id"]] = changed[0], (candidates[k]["id"], changed[1])
                break
        dataset.write_atomic(result.path(new), png_bytes(picture.round().clip(0, 255).astype(np.uint8)))
        dataset.write_atomic(result.mask_path(new), png_bytes(instances.astype(np.uint16)))
    return result, done


def caught(audit: ImageAudit, damage: str, target: int, box: Sequence[int]) -> bool:
    """Whether the audit of a damaged image says what is wrong with it."""
    if damage == "copied":
        return any(_overlap(box, region) for region in audit.appeared)
    return any(o.annotation["id"] == target and o.verdict in FAILED for o in audit.objects)


def _overlap(a: Sequence[int], b: Sequence[int]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def prove(folder: Dataset, sources: Sequence[Path], limits: Limits, seed: int = 0) -> dict[str, Any]:
    """Counts: `caught` and `damaged` by kind of damage, false alarms on `folder` itself, objects that are judged."""
    audits = audit_folder(folder, sources, limits)
    objects = [o for audit in audits for o in audit.objects]
    judged = [[o.annotation for o in audit.objects if o.verdict != "unjudged"] for audit in audits]
    found: dict[str, Any] = {
        "objects": len(objects),
        "judged": sum(map(len, judged)),
        "false objects": sum(o.verdict in FAILED for o in objects),
        "images": len(audits),
        "false images": sum(bool(audit.appeared) for audit in audits),
        "caught": {},
        "damaged": {},
    }
    for name, damage in DAMAGES.items():
        with tempfile.TemporaryDirectory(prefix="coldstart-") as out:
            worse, done = damaged_folder(folder, judged, damage, Path(out), seed)
            seen = {audit.image["id"]: audit for audit in audit_folder(worse, sources, limits)}
        found["damaged"][name] = len(done)
        found["caught"][name] = sum(caught(seen[i], name, target, box) for i, (target, box) in done.items())
    return found


def table(rows: dict[str, dict[str, Any]]) -> str:
    """One line a folder."""
    cells = [["translations", *DAMAGES, "false objects", "appeared in images", "not judged"]]
    for name, row in rows.items():
        shares = [_share(row["caught"][kind], row["damaged"][kind]) for kind in DAMAGES]
        alarms = [_share(row["false objects"], row["judged"]), _share(row["false images"], row["images"])]
        cells.append([name, *shares, *alarms, f"{row['objects'] - row['judged']} of {row['objects']}"])
    return aligned(cells)


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({100 * part / max(whole, 1):.1f} %)"


def main(given: Sequence[str]) -> None:
    """Print the table."""
    from gan.translate import TranslateConfig, translate

    rows, limits = {}, Limits()
    if given:
        folder, renders = dataset.load(given[1]), dataset.load(given[0])
        print(table({given[1]: prove(folder, [renders.path(i) for i in renders.images], limits)}))
        return
    from blender_scenes.config import RenderConfig
    from blender_scenes.render import render

    root = Path("outputs/damages")
    for look in ("clean", "simulated_camera"):
        render(cli.typed(RenderConfig, cli.compose("render", [*SCENES, f"look={look}", f"out={root / look}"])))
    renders = dataset.load(root / "clean")
    for name in ("simulated_camera", "none", "reinhard", "histogram", "fda"):
        if name != "simulated_camera":
            keys = [f"model={name}", f"source={renders.root}", f"out={root / name}", "audit=off", "logger=none"]
            keys += [] if name == "none" else [f"target={root / 'simulated_camera'}"]
            translate(cli.typed(TranslateConfig, cli.compose("gan_translate", keys)))
        rows[name] = prove(dataset.load(root / name), [renders.path(i) for i in renders.images], limits)
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
