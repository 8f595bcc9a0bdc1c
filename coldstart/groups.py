"""Which pictures of a dataset folder show the same thing, so that no split may part them."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from coldstart.dataset import Dataset, Image, sha256
from coldstart.errors import UserError
from coldstart.pictures import opened

__all__ = ["SESSION_GAP", "SESSION_KEYS", "connected", "picture_keys", "scene_keys", "sessions", "taken_at", "together"]

SESSION_KEYS = ("folder", "time")
SESSION_GAP = 120.0  # seconds
TAKEN, WRITTEN, EXIF_FOLDER = 0x9003, 0x0132, 0x8769  # EXIF: DateTimeOriginal, DateTime, where the first stands
IN_NAME = re.compile(r"(?<!\d)((?:19|20)\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)(?:\d{3})?(?!\d)")


def together(dataset: Dataset, sessions: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups of image ids: equal files, one scene, one render and what was translated from it, one of `sessions`.

    A single session of all images tells none of them apart and is left out. An image that goes with no other is a group
    of its own. Groups come in the order of their first images.
    """
    keys: dict[Hashable, list[int]] = defaultdict(list)
    for image in dataset.images:
        for key in picture_keys(dataset, image):
            keys[key].append(image["id"])
    return connected([i["id"] for i in dataset.images], [*keys.values(), *(sessions if len(sessions) > 1 else [])])


def picture_keys(dataset: Dataset, image: Image) -> set[Hashable]:
    """What an image shares with all that show the same: its bytes, and the keys of its scene."""
    return {sha256(dataset.path(image)), *scene_keys(dataset, image)}


def scene_keys(dataset: Dataset, image: Image) -> list[Hashable]:
    """What an image shares with all others of its scene: where the render lies, and the scene's seed and number."""
    origin = dataset.root / image["source"] if image.get("source") else dataset.path(image)
    keys: list[Hashable] = [origin.resolve()]
    if "seed" in image and "index" in image:
        keys.append((image["seed"], image["index"]))
    return keys


def sessions(
    dataset: Dataset, by: Sequence[str] = SESSION_KEYS, gap: float = SESSION_GAP, pattern: str | None = None
) -> list[list[int]]:
    """Groups of image ids that were taken in one go.

    `by` names what tells sessions apart: `folder`, the folder below images/ (if there are several); `time`, a pause of
    more than `gap` seconds, by EXIF or by a date and time in the file's name. `pattern` is a regular expression: what
    its first group finds in the file's name is the session.

    Raises:
        UserError: `pattern` is no regular expression with a group, or found in no name.
    """
    names = {image["id"]: PurePosixPath(image["file_name"]) for image in dataset.images}
    keys: dict[Hashable, list[int]] = defaultdict(list)
    if pattern is not None:
        compiled = _compiled(pattern)
        for image, name in names.items():
            if found := compiled.search(str(name)):
                keys["pattern", found[1]].append(image)
        if not keys:
            raise UserError(f"session_pattern: {pattern!r} is found in no file name, such as {names[min(names)]}")
    if "folder" in by and len({name.parent for name in names.values()}) > 1:
        for image, name in names.items():
            keys["folder", name.parent].append(image)
    if "time" in by:
        times = [(taken_at(dataset.path(image)), image["id"]) for image in dataset.images]
        before, number = datetime.min, 0
        for time, i in sorted((time, i) for time, i in times if time is not None):
            number += (time - before).total_seconds() > gap
            keys["time", number].append(i)
            before = time
    return connected(names, keys.values())


def taken_at(path: Path) -> datetime | None:
    """When a photo was taken, by its EXIF data or its name (`IMG_20240131_174205.jpg`); None if neither says.

    Raises:
        UserError: it cannot be read as an image.
    """
    with opened(path) as picture:
        exif = picture.getexif()
        said = exif.get_ifd(EXIF_FOLDER).get(TAKEN) or exif.get(WRITTEN)  # while it is open: TIFF reads them only now
    found = IN_NAME.search(str(said)) or IN_NAME.search(path.stem)
    try:
        return datetime(*map(int, found.groups())) if found else None  # type: ignore[arg-type]
    except ValueError:  # a thirteenth month: the digits mean something else
        return None


def connected(ids: Iterable[int], links: Iterable[Sequence[int]]) -> list[list[int]]:
    """The connected components of `ids`, where each of `links` connects all of its ids."""
    parent = {i: i for i in ids}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for link in links:
        for other in link[1:]:
            parent[root(other)] = root(link[0])
    components: dict[int, list[int]] = defaultdict(list)
    for i in parent:
        components[root(i)].append(i)
    return list(components.values())


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"session_pattern: {pattern!r} is no regular expression ({error})") from None
    if not compiled.groups:
        raise UserError(f"session_pattern: {pattern!r} has no group (…) that says what the session is")
    return compiled
