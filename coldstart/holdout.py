"""The photos a detector is judged on must not teach anything before: what a test split holds is refused elsewhere."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from coldstart.dataset import list_photos, sha256
from coldstart.errors import UserError
from coldstart.lineage import read_card

__all__ = ["held_out_for", "held_out_near", "refuse_test_photos", "targets_behind"]

HELD_OUT = ("test", "val")


def refuse_test_photos(target: str | Path, out: str | Path, key: str = "target") -> None:
    """Refuse to learn from photos of a test (or val) split that `coldstart.split` wrote.

    Test splits are known by their cards, their photos by their bytes (sha256), whatever they are called. Where `target`
    is a side of a split, that split alone counts: others may divide the same photos by another seed. For any other
    target they are looked for in it, beside it and beside `out`, up to two folders deep. A split kept elsewhere, and a
    photo that was encoded anew, are not found. `key` is what `target` is called on the command line.

    Raises:
        UserError: `target` holds a photo of a test split.
    """
    tests = {digest: folder for folder in held_out_near(target, out) for digest in _digests(folder)}
    for photo in list_photos(target) if tests else []:
        folder = tests.get(sha256(photo))
        if folder is not None:
            raise UserError(
                f"{photo}: belongs to the {_side(folder)} split {folder}, on which detectors are scored; "
                f"give {key}={folder.parent / 'train'}"
            )


def held_out_for(folders: Sequence[Path], out: str | Path) -> list[Path]:
    """The val and test sides of the splits that `folders` are sides of; where none is, all that lie near.

    Splits apart from these may divide the same photos in another way, for another experiment.
    """
    sides = [folder for folder in folders if _side(folder)]
    found = (held_out_near(folder, out) for folder in sides or folders)
    return list(dict.fromkeys(folder for near in found for folder in near))


def held_out_near(data: str | Path, out: str | Path) -> list[Path]:
    """The val and test sides of splits that belong to `data` or lie near it or `out`: see `refuse_test_photos`."""
    data, out = Path(data).resolve(), Path(out).resolve()
    if _side(data):
        patterns = [(data.parent, "*/card.json")]
    else:
        bases = dict.fromkeys([data, data.parent, out.parent, out.parent.parent])
        patterns = [(base, f"{depth}card.json") for base in bases for depth in ("", "*/", "*/*/")]
    folders = dict.fromkeys(card.parent for base, pattern in patterns for card in base.glob(pattern))
    return [folder for folder in folders if _side(folder) in HELD_OUT]


def targets_behind(folder: str | Path) -> list[Path]:
    """The folders of photos that `folder` was made with: its translator learned from them, or took their colours.

    `folder` is what gan.train or gan.translate wrote, or was made from that. Cards are followed to the parents that
    are still there.

    Raises:
        UserError: the photos of a translator are not there any more.
    """
    targets: list[Path] = []
    waiting, seen = [Path(folder)], set[Path]()
    while waiting:
        here = waiting.pop()
        here = here.parent if here.is_file() else here
        if here.resolve() in seen:
            continue
        seen.add(here.resolve())
        card = _card(here)
        parents = {name: Path(parent["path"]) for name, parent in card.get("parents", {}).items()}
        target = parents.pop("target", None) if card.get("stage", "").startswith("gan.") else None
        if target is not None:
            if not target.is_dir():
                raise UserError(
                    f"{here}: learned from {target}, which is not there, so that nobody can say whether a test photo "
                    "was among them; call from the folder that it was called from, or say leak_check=false"
                )
            targets.append(target)
        waiting += [parent for parent in parents.values() if parent.exists()]
    return targets


def _side(folder: Path) -> str | None:
    """`train`, `val` or `test` if the folder is a side of a split."""
    card = _card(folder)
    return card["config"].get("side") if card.get("stage") == "split" else None


def _card(folder: Path) -> dict[str, Any]:
    """The folder's card, or nothing where there is none of ours."""
    try:
        return read_card(folder)
    except UserError:
        return {}


def _digests(folder: Path) -> Iterator[str]:
    """The sha256 of every photo of a test split, as the split recorded them."""
    file = folder / "annotations.json"
    try:
        for image in json.loads(file.read_text(encoding="utf-8"))["images"]:
            yield image["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: cannot be read ({error!r}); run coldstart.split again, or remove {folder}") from None
