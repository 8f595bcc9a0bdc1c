"""The out folder of a detect.evaluate, and the training of the detector that it scored."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.errors import UserError
from coldstart.lineage import read_card

__all__ = ["Run", "check_runs", "drawing_name"]


def drawing_name(photo: str) -> str:
    """What the picture of what was found on a photo is called in `detections/`; `a.jpg` and `a.png` are two."""
    return photo if photo.lower().endswith(".jpg") else f"{photo}.jpg"


def check_runs(folders: Sequence[str]) -> None:
    """Refuse a folder that is given twice, however it is written."""
    if len({Path(folder).resolve() for folder in folders}) < len(folders):
        raise UserError(f"runs: {', '.join(folders)}: one folder is given twice")


@dataclass(frozen=True)
class Run:
    """`results`: its results.json; `training`: the out folder of the detect.train, None if it is not there any more."""

    folder: Path
    results: dict[str, Any]
    training: Path | None

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Read what a comparison needs.

        Raises:
            UserError: it was not finished, or not written by detect.evaluate.
        """
        folder = Path(folder)
        card = read_card(folder)
        if card["stage"] != "detect.evaluate" or not card.get("complete"):
            raise UserError(f"{folder}: is not a finished folder of detect.evaluate; score the detector again")
        try:
            results: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{folder / 'results.json'}: cannot be read as JSON ({error})") from None
        if not isinstance(results, dict) or "at_score" not in results:
            raise UserError(f"{folder / 'results.json'}: is not what detect.evaluate wrote; score the detector again")
        training = Path(card["parents"]["checkpoint"]["path"]).parent
        return cls(folder, results, training if (training / "card.json").is_file() else None)

    def drawing(self, photo: str) -> Path:
        """The photo with what was found on it.

        Raises:
            UserError: the name leads out of the folder.
        """
        folder = (self.folder / "detections").resolve()
        path = (folder / drawing_name(photo)).resolve()
        if not path.is_relative_to(folder):
            raise UserError(f"{self.folder / 'matches.npz'}: names a photo outside its folder ({photo})")
        return path
