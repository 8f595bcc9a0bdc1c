"""Let a detector label photos, for another one that learns from them: self-training.

    python -m detect.label checkpoint=outputs/detector/detector.safetensors images=photos out=outputs/labelled
    python -m detect.train synthetic=[outputs/renders] real=[outputs/labelled] out=outputs/student

`images` is a folder of photos, or a dataset folder whose labels are not read. Writes a dataset folder of copies of the
photos, whose boxes are what was found with at least `score`, and labels/, the photos with these boxes. What was found
with less, but at least `doubt`, is to be ignored (dashed in labels/): perhaps there is something. Photos on which
nothing was found are left out: they would teach that there is nothing. After Sohn et al. 2020, "A Simple
Semi-Supervised Learning Framework for Object Detection" (STAC), here with renders as the labelled pictures.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as Picture

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.holdout import refuse_test_photos
from detect import inference, onnx_model
from detect.drawing import draw_found, save_picture
from detect.threshold import check_score

__all__ = ["LabelConfig", "label"]


@dataclass(frozen=True)
class LabelConfig:
    """See conf/detect_label.yaml."""

    checkpoint: str
    images: str
    out: str
    score: float = 0.5
    doubt: float = 0.1
    accelerator: str = "auto"
    precision: str = "auto"
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        training.check_precision(self.precision)
        check_score(self.score)
        check_score(self.doubt, "doubt")


def label(config: LabelConfig) -> None:
    """Detect, and write what was found as labels.

    Raises:
        UserError: bad input, found before anything is written; photos of a test split; or nothing was found.
    """
    checkpoint = onnx_model.load_either(config.checkpoint)
    photos, out = dataset.list_photos(config.images), Path(config.out)
    for photo in photos:
        inference.check_picture(photo)
    refuse_test_photos(config.images, out, "images")
    training.device(config.accelerator)
    parents = {"checkpoint": config.checkpoint, "images": config.images}
    if lineage.claim(out, "detect.label", cli.plain(config), parents=parents):
        print(f"{out}: already complete")
        return
    try:
        found_on = list(inference.detect(checkpoint, photos, config.accelerator, config.precision))
        if not any(d.score >= config.score for found in found_on for d in found):
            raise UserError(f"{config.images}: nothing was found with a score of {config.score} or more; lower score=")
    except UserError:
        lineage.withdraw(out)
        raise
    with tracking.start(config.logger, "detect.label", cli.plain(config), out) as run:
        labelled = dataset.Dataset(out, [], [], dataset.categories_from(checkpoint.class_names))
        for photo, detections in zip(photos, found_on, strict=True):
            if any(d.score >= config.score for d in detections):
                found = [d for d in detections if d.score >= min(config.doubt, config.score)]
                _add(labelled, photo, found, config.score)
        sure = sum(not a["ignore"] for a in labelled.annotations)
        counts = {"images": len(labelled.images), "boxes": sure, "ignored": len(labelled.annotations) - sure}
        dataset.save(labelled)
        run.summary(counts)
    lineage.complete(out, **counts)
    said = f"{counts['images']} photos, {counts['boxes']} boxes, {counts['ignored']} to be ignored"
    left = f", {len(photos) - counts['images']} photos left out" if len(photos) > counts["images"] else ""
    print(f"{out}: {said}{left}; look at {out / 'labels'}")


def _add(labelled: dataset.Dataset, photo: Path, found: Sequence[inference.Detection], score: float) -> None:
    """Copy a photo, and take down its boxes; those below `score` are to be ignored."""
    number = len(labelled.images) + 1
    name = f"{number:04d}_{photo.name}"
    with Picture.open(photo) as picture:
        width, height = picture.size
        drawn = draw_found(picture, found, labelled.class_names, score)
    save_picture(drawn, labelled.root / "labels" / f"{Path(name).stem}.jpg")
    copy = labelled.root / "images" / name
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(photo, copy)
    record: dataset.Image = {"id": number, "file_name": name, "width": width, "height": height}
    labelled.images.append({**record, "sha256": dataset.sha256(photo)})
    ids = {c["name"]: c["id"] for c in labelled.categories}
    for d in found:
        labelled.annotations.append(
            {
                "id": len(labelled.annotations) + 1,
                "image_id": number,
                "category_id": ids[d.name],
                "bbox": d.box,
                "area": d.box[2] * d.box[3],
                "iscrowd": 0,
                "ignore": int(d.score < score),
            }
        )


if __name__ == "__main__":
    cli.run(label, LabelConfig, "detect_label", __doc__)
