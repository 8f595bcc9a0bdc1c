"""Find products on any folder of photos.

    python -m detect.predict checkpoint=outputs/detectors/a/detector.safetensors images=photos out=outputs/found

Writes into `out`:
  detections.json   images, categories and annotations (COCO results: image_id, category_id, bbox, score)
  detections/       every photo with its boxes
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from detect import detectors, inference
from detect.drawing import class_colour, draw_marks, save_picture

__all__ = ["PredictConfig", "predict"]


@dataclass(frozen=True)
class PredictConfig:
    """See conf/detect_predict.yaml."""

    logger: tracking.LoggerConfig
    checkpoint: str
    images: str
    out: str
    score: float = 0.3
    accelerator: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise UserError(f"score: {self.score} is not between 0 and 1")


def predict(config: PredictConfig) -> None:
    """Detect and draw.

    Raises:
        UserError: bad input, found before anything is written.
    """
    checkpoint = detectors.load(config.checkpoint)
    photos = dataset.list_photos(config.images)
    for photo in photos:
        inference.check_picture(photo)
    training.device(config.accelerator)
    out = Path(config.out)
    parents = {"checkpoint": config.checkpoint, "images": config.images}
    if lineage.claim(out, "detect.predict", cli.plain(config), parents=parents):
        print(f"{out / 'detections.json'}: already there")
        return
    categories = dataset.categories_from(checkpoint.class_names)
    ids = {c["name"]: c["id"] for c in categories}
    colours = {name: class_colour(i, len(ids)) for i, name in enumerate(ids)}
    images: list[dataset.Image] = []
    annotations: list[dict[str, Any]] = []
    with tracking.start(config.logger, "detect.predict", cli.plain(config), out) as run:
        pictures = []
        found_on = inference.detect(checkpoint, photos, config.accelerator, config.precision)
        for number, (photo, found) in enumerate(zip(photos, found_on, strict=True), start=1):
            shown = [d for d in found if d.score >= config.score]
            with Image.open(photo) as picture:
                images.append({"id": number, "file_name": photo.name, "width": picture.width, "height": picture.height})
                drawn = draw_marks(
                    picture, [(d.box, colours[d.name], "solid", f"{d.name} {d.score:.2f}") for d in shown]
                )
            annotations += inference.results(shown, number, ids)
            pictures.append(out / "detections" / f"{number:04d}_{photo.stem}.jpg")
            save_picture(drawn, pictures[-1])
        dataset.write_json(
            out / "detections.json", {"images": images, "annotations": annotations, "categories": categories}
        )
        run.images("detections", pictures[:16])
    lineage.complete(out, detections=len(annotations))
    print(f"{out / 'detections.json'}: {len(annotations)} boxes on {len(photos)} photos; look at {out / 'detections'}")


if __name__ == "__main__":
    cli.run(predict, PredictConfig, "detect_predict", __doc__)
