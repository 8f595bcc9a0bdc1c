"""What a dataset folder holds: one page of numbers and pictures, and the same numbers as JSON.

    python -m coldstart.statistics data=outputs/renders out=outputs/statistics

writes out/statistics.html, which carries everything inside it and works offline, and out/statistics.json.
"""

import base64
import io
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from omegaconf import MISSING
from PIL import Image as Picture

from coldstart import cli, lineage, tracking
from coldstart.dataset import Annotation, Dataset, Image, asked, load, write_atomic, write_json
from coldstart.errors import UserError
from coldstart.measures import measure
from coldstart.page import environment
from coldstart.pictures import data_uri, spread
from coldstart.progress import track

__all__ = ["StatisticsConfig", "statistics"]

SAMPLES, CROPS, EXTREMES = 12, 4, 3  # pictures on the page; crops of each class; darkest, brightest, flattest, …
SAMPLE_WIDTH, CROP_WIDTH, EXTREME_WIDTH = 420, 88, 150  # pixels
MARGIN = 0.15  # of a box's longer side, shown around it


@dataclass(frozen=True)
class StatisticsConfig:
    """See conf/statistics.yaml."""

    data: str = MISSING
    out: str = MISSING
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)


def statistics(config: StatisticsConfig) -> None:
    """Write the page and the numbers of `config.data` to `config.out`.

    Raises:
        UserError: bad config or input, or `out` holding another config's data.
    """
    dataset, out, settings = load(config.data), Path(config.out), cli.plain(config)
    page = out / "statistics.html"
    if lineage.claim(out, "statistics", settings, {"data": config.data}):
        print(f"{page}: already complete")
        return
    try:
        numbers = measure(dataset)
    except UserError:
        lineage.withdraw(out)  # with the picture or mask replaced, the data is another
        raise
    with tracking.start(config.logger, "statistics", settings, out) as run:
        write_json(out / "statistics.json", numbers)
        call = shlex.join(["python", "-m", "coldstart.statistics", *sys.argv[1:]])
        write_atomic(page, _page(dataset, numbers, call).encode())
        run.summary({key: numbers[key] for key in ("images", "objects", "ignored")})
        run.summary({f"objects/{row['name']}": row["objects"] for row in numbers["classes"]})
    lineage.complete(out)
    print(f"{page.resolve()}: {numbers['images']} images, {numbers['objects']} objects")


def _page(dataset: Dataset, numbers: Mapping[str, Any], call: str) -> str:
    templates = environment()
    templates.filters |= {"heat": _heat, "short": _short}
    return templates.get_template("statistics.html.j2").render(
        name=dataset.root.resolve().name,
        description=dataset.info.get("description"),
        n=numbers,
        samples=_samples(dataset),
        crops=_crops(dataset),
        extremes=_extremes(dataset, numbers["per_image"]),
        pairs=_pairs(numbers["occlusion"]),
        call=call,
    )


def _samples(dataset: Dataset) -> list[dict[str, Any]]:
    """Some pictures with the boxes on them, the number of each box's class included."""
    order = {c["id"]: i for i, c in enumerate(sorted(dataset.categories, key=lambda c: c["id"]))}
    by_image = dataset.by_image()
    return [
        {
            "image": image,
            "uri": data_uri(dataset.path(image), SAMPLE_WIDTH),
            "boxes": [
                {"box": a["bbox"], "kind": order[a["category_id"]], "ignored": not asked(a)}
                for a in by_image[image["id"]]
                if min(a["bbox"][2:]) > 0
            ],
        }
        for image in track(spread(dataset.images, SAMPLES), "page: samples", unit="img")
    ]


def _crops(dataset: Dataset) -> list[list[str | None]]:
    """Pictures of a few objects of each class, taken from the larger half of them."""
    images = {image["id"]: image for image in dataset.images}
    rows = []
    for category in track(sorted(dataset.categories, key=lambda c: c["id"]), "page: classes", unit="class"):
        found = [a for a in dataset.annotations if a["category_id"] == category["id"] and asked(a)]
        found.sort(key=lambda a: a["bbox"][2] * a["bbox"][3], reverse=True)
        chosen = spread(found[: max((len(found) + 1) // 2, CROPS)], CROPS)
        rows.append([_crop(dataset, images[a["image_id"]], a) for a in chosen])
    return rows


def _crop(dataset: Dataset, image: Image, annotation: Annotation) -> str | None:
    """A square around the object, moved into the picture where it would stick out."""
    x, y, width, height = annotation["bbox"]
    side = min(max(width, height) * (1 + 2 * MARGIN), image["width"], image["height"])
    left = min(max(x + width / 2 - side / 2, 0), image["width"] - side)
    top = min(max(y + height / 2 - side / 2, 0), image["height"] - side)
    box = (round(left), round(top), max(round(left + side), round(left) + 1), max(round(top + side), round(top) + 1))
    return data_uri(dataset.path(image), CROP_WIDTH, box)


def _extremes(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The darkest, brightest, flattest and hardest pictures, with the number that says so."""
    paths = {image["file_name"]: dataset.path(image) for image in dataset.images}
    chosen = {}
    for key, low, high in (("brightness", "darkest", "brightest"), ("contrast", "least contrast", "most contrast")):
        ranked = sorted(rows, key=lambda row: row[key])
        for title, some in ((low, ranked[:EXTREMES]), (high, ranked[::-1][:EXTREMES])):
            chosen[title] = [
                {"uri": data_uri(paths[r["file_name"]], EXTREME_WIDTH), "name": r["file_name"], "value": r[key]}
                for r in some
            ]
    return chosen


def _pairs(occlusion: Mapping[str, Any] | None) -> list[tuple[str, str, int]]:
    """The commonest pairs of what hides, what is hidden, and how often."""
    if occlusion is None:
        return []
    counts = [
        (hider, hidden, count)
        for hider, row in zip(occlusion["hiders"], occlusion["counts"], strict=True)
        for hidden, count in zip(occlusion["hidden"], row, strict=True)
        if count
    ]
    return sorted(counts, key=lambda pair: -pair[2])[:5]


def _heat(grid: ArrayLike) -> str:
    """A grid of numbers from 0 as a PNG data URI, black (0) over red to yellow (the largest)."""
    from matplotlib import colormaps

    values = np.asarray(grid, dtype=float)
    colours = colormaps["inferno"](values / max(values.max(), 1e-9), bytes=True)[..., :3]
    buffer = io.BytesIO()
    Picture.fromarray(colours).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _short(value: float) -> str:
    """A number with three significant digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    cli.run(statistics, StatisticsConfig, "statistics", __doc__)
