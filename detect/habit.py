"""How people draw boxes: those of renders are tight on what is seen, those of photos often are not."""

from dataclasses import dataclass, replace

from coldstart.dataset import Annotation, Dataset, Image
from coldstart.errors import UserError

__all__ = ["BOXES", "Habit"]

BOXES = ("visible", "amodal")


@dataclass(frozen=True)
class Habit:
    """See `habit` in conf/detect_train.yaml; python -m detect.margins measures that of labelled photos."""

    boxes: str = "visible"
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.boxes not in BOXES:
            raise UserError(f"habit.boxes: {self.boxes!r} is neither {' nor '.join(BOXES)}")
        if not -20 <= self.margin <= 20:
            raise UserError(f"habit.margin: {self.margin} thousandths are not between -20 and 20")

    def __call__(self, folder: Dataset) -> Dataset:
        """The same folder with the boxes of that habit, inside their pictures.

        Raises:
            UserError: its annotations do not say how far objects reach (`boxes=amodal`).
        """
        if self == Habit():
            return folder
        images = {image["id"]: image for image in folder.images}
        return replace(folder, annotations=[self._drawn(a, images[a["image_id"]], folder) for a in folder.annotations])

    def _drawn(self, annotation: Annotation, image: Image, folder: Dataset) -> Annotation:
        if self.boxes == "amodal" and "amodal_bbox" not in annotation:
            raise UserError(f"{folder.root}: habit.boxes=amodal, but annotation {annotation['id']} has no amodal_bbox")
        x, y, width, height = annotation["amodal_bbox"] if self.boxes == "amodal" else annotation["bbox"]
        margin = self.margin / 1000 * max(image["width"], image["height"])
        left, top = max(0.0, x - margin), max(0.0, y - margin)
        right = min(float(image["width"]), x + width + margin)
        bottom = min(float(image["height"]), y + height + margin)
        return {**annotation, "bbox": [left, top, max(0.0, right - left), max(0.0, bottom - top)]}
