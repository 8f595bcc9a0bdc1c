"""The photos a detector is judged on must not teach anything before: what a test split holds is refused elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path

from coldstart.dataset import list_photos, sha256
from coldstart.errors import UserError
from coldstart.lineage import read_card

__all__ = ["refuse_test_photos"]


def refuse_test_photos(target: str | Path, out: str | Path) -> None:
    """Refuse to learn from photos of a test split that `coldstart.split` wrote.

    Test splits are known by their cards, their photos by their bytes (sha256), whatever they are called. Where `target`
    is a side of a split, that split alone counts: others may divide the same photos by another seed. For any other
    target they are looked for in it, beside it and beside `out`, up to two folders deep. A split kept elsewhere, and a
    photo that was encoded anew, are not found.

    Raises:
        UserError: `target` holds a photo of a test split.
    """
    tests = {digest: folder for folder in _test_splits(Path(target), Path(out)) for digest in _digests(folder)}
    for photo in list_photos(target) if tests else []:
        folder = tests.get(sha256(photo))
        if folder is not None:
            raise UserError(
                f"{photo}: belongs to the test split {folder}, on which detectors are scored; "
                f"give target={folder.parent / 'train'}"
            )


def _test_splits(target: Path, out: Path) -> Iterator[Path]:
    """Folders whose card says that they are the test side of a split."""
    target, out = target.resolve(), out.resolve()
    if _side(target):
        patterns = [(target.parent, "*/card.json")]
    else:
        bases = dict.fromkeys([target, target.parent, out.parent, out.parent.parent])
        patterns = [(base, f"{depth}card.json") for base in bases for depth in ("", "*/", "*/*/")]
    folders = dict.fromkeys(card.parent for base, pattern in patterns for card in base.glob(pattern))
    yield from (folder for folder in folders if _side(folder) == "test")


def _side(folder: Path) -> str | None:
    """`train` or `test` if the folder is a side of a split."""
    try:
        card = read_card(folder)
    except UserError:  # none, or not ours
        return None
    return card["config"].get("side") if card["stage"] == "split" else None


def _digests(folder: Path) -> Iterator[str]:
    """The sha256 of every photo of a test split, as the split recorded them."""
    file = folder / "annotations.json"
    try:
        for image in json.loads(file.read_text(encoding="utf-8"))["images"]:
            yield image["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: cannot be read ({error!r}); run coldstart.split again, or remove {folder}") from None
