"""From measurements to verdicts: what became of every object of a translated folder."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coldstart.dataset import Annotation, Dataset, Image, asked, list_photos
from coldstart.errors import UserError
from coldstart.pictures import spread
from coldstart.progress import track
from gan.audit import colour, structure
from gan.data import named, partners, read_picture
from gan.guide import read_instances

__all__ = [
    "FAILED",
    "VERDICTS",
    "ImageAudit",
    "Limits",
    "ObjectAudit",
    "audit_folder",
    "audit_pictures",
    "measure",
    "retained_share",
    "source_paths",
]

Floats = NDArray[np.float32]

FAILED = ("vanished", "moved", "changed", "recoloured")
VERDICTS = ("retained", *FAILED, "unjudged")
BORDER = 3  # pixels around an object that belong to its outline
POOLED = 200  # pictures from which the folder's colours are fitted
CLIPPED, GLARE = 0.95, 8  # mean of R, G, B at which the render's light is cut off; pixels around it that say nothing


@dataclass(frozen=True)
class Limits:
    """See `limits` in conf/gan_audit.yaml."""

    pixels: int = 30
    visible: float = 1.0
    correlation: float = 0.55
    gain: float = 0.1
    search: int = 14
    colour: float = 7.0
    colour_ratio: float = 2.5
    strength: float = 0.3
    area: float = 0.003

    def __post_init__(self) -> None:
        for name in ("correlation", "gain", "area"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"limits.{name}: must lie between 0 and 1, got {getattr(self, name)}")
        for name in ("pixels", "visible", "colour", "colour_ratio", "strength"):
            if not getattr(self, name) >= 0:
                raise UserError(f"limits.{name}: must not be negative, got {getattr(self, name)}")
        if self.search < structure.NEAR:
            raise UserError(f"limits.search: must be at least {structure.NEAR} pixels, got {self.search}")


@dataclass
class ObjectAudit:
    """An object's verdict and the numbers behind it; `reason` says why it is not judged, or what the detector saw."""

    annotation: Annotation
    verdict: str = "unjudged"
    reason: str = ""
    correlation: float | None = None
    elsewhere: float | None = None
    shift: tuple[int, int] | None = None
    colour: float | None = None


@dataclass
class ImageAudit:
    """The objects of an image, and boxes of what has `appeared` outside of them or is `lost` from the background."""

    image: Image
    source: Path
    objects: list[ObjectAudit]
    appeared: list[list[int]] = field(default_factory=list)
    lost: list[list[int]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether the labels no longer say what the picture shows."""
        return bool(self.appeared) or any(o.verdict in FAILED for o in self.objects)

    @property
    def counts(self) -> dict[str, int]:
        """Objects of each verdict, and regions that appeared."""
        found = Counter(o.verdict for o in self.objects)
        return {**{verdict: found[verdict] for verdict in VERDICTS}, "appeared": len(self.appeared)}


def audit_folder(folder: Dataset, sources: Sequence[Path], limits: Limits) -> list[ImageAudit]:
    """Compare every image of `folder` with the render at the same place in `sources`.

    Raises:
        UserError: a picture or mask cannot be read, or a render has not its translation's size.
    """
    return audit_pictures(folder, sources, lambda audit: _read(folder, audit), limits)


def audit_pictures(
    folder: Dataset,
    sources: Sequence[Path],
    pictures: Callable[[ImageAudit], tuple[Floats, Floats]],
    limits: Limits,
    *,
    quiet: bool = False,
) -> list[ImageAudit]:
    """`audit_folder` of pictures that need not be files: `pictures` gives an image's render and its translation.

    Both are H×W×3 in [0, 1]; masks are still the folder's. `quiet` shows no progress.

    Raises:
        UserError: a mask cannot be read, or what `pictures` raises.
    """
    grouped = folder.by_image()
    audits = [
        ImageAudit(image, path, [ObjectAudit(a) for a in grouped[image["id"]]])
        for image, path in zip(folder.images, sources, strict=True)
    ]

    def shown(some: list[ImageAudit], what: str) -> Iterable[ImageAudit]:
        return some if quiet else track(some, f"audit: {what}", unit="image")

    def read(audit: ImageAudit) -> tuple[Floats, Floats, list[NDArray[np.bool_]]]:
        return *pictures(audit), _masks(folder, audit)

    colours = colour.folder_fit(
        [colour.sample(*read(audit)) for audit in shown(spread(audits, POOLED), "colours of the folder")]
    )
    for audit in shown(audits, "objects"):
        measure(audit, *read(audit), colours=colours, limits=limits)
    known = [o for audit in audits for o in audit.objects if o.verdict == "retained" and o.colour is not None]
    usual = float(np.median([o.colour for o in known])) if known else 0.0
    limit = max(limits.colour, limits.colour_ratio * usual)
    for audit in audits:
        if any(o.verdict == "retained" and o.colour is not None and o.colour > limit for o in audit.objects):
            _judge_colours(audit, colour.sample(*read(audit)), colours, limit)
    return audits


def retained_share(objects: Iterable[ObjectAudit]) -> float | None:
    """The share of the judged `objects` that are retained, 0 to 1; None if none is judged."""
    verdicts = [o.verdict for o in objects if o.verdict != "unjudged"]
    return verdicts.count("retained") / len(verdicts) if verdicts else None


def source_paths(folder: Dataset, source: str | Path | None) -> list[Path]:
    """The render of every image: what its record says, or the one of its name (but for the suffix) in `source`.

    Raises:
        UserError: there is none.
    """
    if source is not None:
        ours = named([folder.path(image) for image in folder.images], folder.root)
        return partners(ours, named(list_photos(source), source), f"source={source}")
    for image in folder.images:
        if "source" not in image:
            raise UserError(f"{folder.root}: image {image['file_name']!r} does not say its source; give source=…")
        if not (folder.root / image["source"]).is_file():
            raise UserError(f"{folder.root / image['source']}: no such file; give the renders' folder as source=…")
    return [folder.root / image["source"] for image in folder.images]


def measure(
    audit: ImageAudit,
    source: Floats,
    translated: Floats,
    masks: Sequence[NDArray[np.bool_]],
    *,
    colours: Floats,
    limits: Limits,
) -> None:
    """Fill in `audit` but for the verdict on colours; pictures are H×W×3 in [0, 1], `masks` in the objects' order."""
    found = colour.sample(source, translated, masks)
    expected = structure.gradients(colour.lab(colour.predicted(source, found, colours)))
    seen, given = (structure.gradients(colour.lab(picture)) for picture in (translated, source))
    noise = float(np.median((given**2).sum(-1)))
    departures = colour.departures(found, colours, len(masks))
    everything, strengths = np.zeros(source.shape[:2], bool), []
    own = structure.energy(seen)
    for item, mask, departure in zip(audit.objects, masks, departures, strict=True):
        region = ndimage.binary_dilation(mask, iterations=BORDER)
        everything |= region
        if not asked(item.annotation) or mask.sum() < limits.pixels:
            item.reason = "too small or too hidden"
        elif (given[region] ** 2).sum(-1).mean() <= limits.visible * noise:
            item.reason = "hardly visible in the render"
        else:
            strengths.append(own[region].mean())
            match = structure.correlate(expected, seen, region, limits.search)
            item.correlation, item.elsewhere, item.shift = match
            item.colour = _known(departure)
            item.verdict = _verdict(match, limits)
    glare = ndimage.binary_dilation(source.mean(-1) >= CLIPPED, iterations=GLARE)
    outside = ~(ndimage.binary_dilation(everything, iterations=2) | glare)
    level = limits.strength * (float(np.median(strengths)) if strengths else float(np.percentile(own, 95)))
    area = limits.area * outside.size
    audit.appeared = structure.regions(structure.unexplained(expected, seen) * outside, level, area)
    audit.lost = structure.regions(structure.unexplained(seen, expected) * outside, level, area)


def _verdict(match: structure.Match, limits: Limits) -> str:
    if match.there >= limits.correlation and match.there > match.here + limits.gain:
        return "moved"
    return "retained" if match.here >= limits.correlation else "vanished"


def _known(departure: np.float32) -> float | None:
    """None for the nan of an object whose colour nothing else in its picture lets expect."""
    return None if np.isnan(departure) else float(departure)


def _judge_colours(audit: ImageAudit, found: colour.Sample, colours: Floats, limit: float) -> None:
    """Objects are recoloured whose colour departs by more than `limit`.

    The worst first, and the others anew without it: what is recoloured misleads about whatever has its colour.
    """
    judged, left = audit.objects, [k for k, o in enumerate(audit.objects) if o.verdict == "retained"]
    worse: list[int] = []
    while left:
        departures = colour.departures(found, colours, len(judged), worse)
        for k in left:
            judged[k].colour = _known(departures[k])
        worst = max(left, key=lambda k: float(np.nan_to_num(departures[k])))
        if not departures[worst] > limit:
            return
        judged[worst].verdict = "recoloured"
        worse.append(worst)
        left.remove(worst)


def _read(folder: Dataset, audit: ImageAudit) -> tuple[Floats, Floats]:
    path = folder.path(audit.image)
    pictures = [np.asarray(read_picture(p, upright=False), np.float32) / 255 for p in (audit.source, path)]
    if pictures[0].shape != pictures[1].shape:
        sizes = [f"{p.shape[1]}×{p.shape[0]}" for p in pictures]
        raise UserError(f"{path}: is {sizes[1]}, its source {audit.source} {sizes[0]}; both must have one size")
    return pictures[0], pictures[1]


def _masks(folder: Dataset, audit: ImageAudit) -> list[NDArray[np.bool_]]:
    instances = read_instances(folder, audit.image)
    return [_mask(o.annotation, instances) for o in audit.objects]


def _mask(annotation: Annotation, instances: NDArray[Any]) -> NDArray[np.bool_]:
    """The object's visible pixels, or its box where the folder has no mask of it."""
    mask: NDArray[np.bool_] = instances == annotation.get("instance", -1)
    if not mask.any():
        x, y, width, height = (round(v) for v in annotation["bbox"])
        mask[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = True
    return mask
