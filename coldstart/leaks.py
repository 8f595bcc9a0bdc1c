"""Nothing that a detector is judged on may be among what it learns from: the check before every training."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from coldstart.dataset import Dataset, list_photos, load, sha256
from coldstart.duplicates import near_duplicates
from coldstart.errors import UserError
from coldstart.holdout import held_out_for, targets_behind

__all__ = ["Leak", "find_leaks", "refuse_leaks"]

SHOWN = 5  # pairs that the message names


class Leak(NamedTuple):
    """A picture that is learned from, one that is held out, and what they share."""

    learned: Path
    held: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.learned} and {self.held} ({self.reason})"


def refuse_leaks(learned: Sequence[Dataset], out: str | Path, held_out: Iterable[str] = ()) -> None:
    """Refuse to learn from what shows the same as a held-out picture.

    Held out are the val and test sides of the splits that `learned` and the photos of their translators belong to (or,
    where they belong to none, those near them and near `out`), and the folders `held_out`.

    Raises:
        UserError: names the pairs of pictures.
    """
    behind = {target: folder.root for folder in learned for target in targets_behind(folder.root)}
    roots = [*(folder.root for folder in learned), *behind]
    held = {folder.resolve(): folder for folder in (*held_out_for(roots, out), *map(Path, held_out))}
    if not held:
        return
    leaks = find_leaks(learned, behind, [load(folder) for folder in held.values()])
    if leaks:
        more = f" and {len(leaks) - SHOWN} more" if len(leaks) > SHOWN else ""
        raise UserError(
            f"{len(leaks)} pairs of pictures, one to learn from and one held out, show the same: "
            f"{'; '.join(map(str, leaks[:SHOWN]))}{more}. Split anew with coldstart.split, which keeps such pictures "
            "together, or say leak_check=false"
        )


def find_leaks(learned: Sequence[Dataset], behind: dict[Path, Path], held: Sequence[Dataset]) -> list[Leak]:
    """Pairs of a picture learned from and a held-out one that show the same thing, each pair once.

    Equal files and equal scenes are looked for among all pictures, near duplicates (`coldstart.duplicates`) among
    photos alone: two renders of different scenes may well be alike. `behind` are folders of photos that a translator
    learned from, with what it made.
    """
    photos: dict[Path, str] = {}  # that are learned from, and how
    renders: list[Path] = []
    scenes: dict[Hashable, list[Path]] = defaultdict(list)
    for folder in learned:
        scene = _scenes(folder)
        for image in folder.images:
            path = folder.path(image)
            if (key := scene[image["id"]]) is None:
                photos.setdefault(path, "")
            else:
                renders.append(path)
                scenes[key].append(path)
    for target, made in behind.items():
        for photo in list_photos(target):
            photos.setdefault(photo, f", learned from by the translator of {made}")
    leaks: dict[tuple[Path, Path], Leak] = {}

    def add(one: Path, other: Path, reason: str) -> None:
        leaks.setdefault((one, other), Leak(one, other, reason + photos.get(one, "")))

    digests: dict[str, list[Path]] = defaultdict(list)
    for path in (*photos, *renders):
        digests[sha256(path)].append(path)
    held_photos: list[Path] = []
    for folder in held:
        scene = _scenes(folder)
        for image in folder.images:
            path = folder.path(image)
            for same in digests.get(sha256(path), ()):
                add(same, path, "equal files")
            if (key := scene[image["id"]]) is None:
                held_photos.append(path)
            for same in scenes.get(key, ()) if key is not None else ():
                add(same, path, "one scene")
    ours = list(photos)
    if ours and held_photos:
        for pair in near_duplicates([*ours, *held_photos]):
            if pair.first < len(ours) <= pair.second:
                how = "mirrored, nearly equal" if pair.mirrored else "nearly equal"
                add(ours[pair.first], held_photos[pair.second - len(ours)], how)
    return list(leaks.values())


def _scenes(folder: Dataset) -> dict[int, Hashable | None]:
    """What tells the scene of each rendered image: its seed, number and where its products stand; None for photos.

    Scenes of other configs may have the same seed and number, but not the same places.
    """
    grouped = folder.by_image()
    return {
        image["id"]: (
            image["seed"],
            image["index"],
            frozenset((a.get("track"), *a.get("amodal_bbox", a["bbox"])) for a in grouped[image["id"]]),
        )
        if "seed" in image and "index" in image
        else None
        for image in folder.images
    }
