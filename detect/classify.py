"""Fine-tune a photo classifier on a folder per class, and score it (docs/classify.md).

    python -m detect.classify data=path/to/classes out=outputs/classifier

Reads data/<class>/*.jpg, splits it into train and test, and writes into `out`:
  classifier.safetensors   weights, class names and input size
  results.json             top-1 accuracy on the test pictures with its 95 % interval, per class, confusion, predictions
  confusion.png            which class is taken for which
  embedding.png            t-SNE of the features of all pictures
  lr.png, lr.json          the range test that chose the learning rate
  batch.png                one training batch, as the classifier sees it: look at it first
  last.ckpt                where an interrupted training goes on: give the same command again
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from coldstart import cli, lineage, tracking, training
from coldstart.dataset import write_json
from coldstart.errors import UserError
from coldstart.progress import track
from coldstart.split import check_share
from coldstart.tables import aligned
from detect import class_folders, classifier, data, plots
from detect.augment import Augmentation, AugmentConfig
from detect.boxes import Floats, Ints
from detect.class_folders import ClassFolders, Sides
from detect.classifier import Classifier
from detect.drawing import draw_batch
from detect.embedding import tsne
from detect.letterbox import check_size
from detect.lr import RangeRecipe, range_test, record
from detect.module import DetectorModule
from detect.precision import resamplings
from detect.recipe import Recipe
from detect.scoring import interval

__all__ = ["ClassifyConfig", "Material", "classify", "score"]

CLASSIFIER = "classifier.safetensors"
SHOWN = 10  # mistakes that are printed


@dataclass(frozen=True, kw_only=True)
class ClassifyConfig(Recipe):
    """See conf/detect_classify.yaml."""

    logger: tracking.LoggerConfig
    data: str
    out: str
    train: int | float = 0.75
    near_duplicates: bool = True
    size: list[int] = field(default_factory=lambda: [160, 160])
    batch: int = 16
    steps: int = 150
    range_steps: int = 60
    unfreeze: float = 0.3
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    draws: int = 1000
    checkpoint_every: int = 50
    accelerator: str = "auto"
    precision: str = "auto"
    workers: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self.train, "train")
        for key in ("batch", "draws", "checkpoint_every"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: {getattr(self, key)} is below 1")
        check_size(self.size)
        if self.range_steps and self.range_steps < 10:
            raise UserError(f"range_steps: {self.range_steps} is neither 0 (off) nor at least 10")
        if self.augment.mosaic or self.augment.copy_paste:
            raise UserError(
                "augment.mosaic and augment.copy_paste put several classes into one picture; leave them out"
            )
        if self.workers < 0:
            raise UserError(f"workers: {self.workers} is below 0")


class Material(NamedTuple):
    """What is trained and tested on, read and split; `pictures` are 3×H×W uint8 in the order of `found`."""

    config: ClassifyConfig
    found: ClassFolders
    pictures: list[Tensor]
    sides: Sides

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the classifier's input."""
        return self.config.size[0], self.config.size[1]

    def model(self) -> nn.Module:
        """The classifier as its training begins."""
        torch.manual_seed(self.config.seed)
        return Classifier(len(self.found.names))

    def batches(self, rank: int, start: int) -> DataLoader[Any]:
        """Batches of training pictures from number `start` on; each picture is the one box in it."""
        config, samples = self.config, []
        for i in self.sides.train:
            height, width = self.pictures[i].shape[-2:]
            box, label = torch.tensor([[0.0, 0.0, width, height]]), torch.tensor([self.found.labels[i]])
            samples.append(data.Sample(self.pictures[i], box, label, torch.ones(1)))
        counts, quota, seed = (0, len(samples)), (0, config.batch), [config.seed, rank]
        batches = data.Batches(counts, quota, config.steps * config.accumulate, seed, start)
        return data.loader(samples, Augmentation(config.augment, self.size), batches, config.workers)


def prepare(config: ClassifyConfig, found: ClassFolders) -> Material:
    """Read and split what was found.

    Raises:
        UserError: bad input.
    """
    size = config.size[0], config.size[1]
    pictures = [class_folders.read(path, size) for path in track(found.paths, "reading", unit="image")]
    sides = class_folders.split(found, pictures, config.train, config.seed, apart=config.near_duplicates)
    return Material(config, found, pictures, sides)


def classify(config: ClassifyConfig) -> None:
    """Choose a rate, train, or go on training, and score, into `config.out`.

    Raises:
        UserError: bad input, found before anything is written; or a training that diverges.
    """
    out, last = Path(config.out), Path(config.out) / "last.ckpt"
    found = class_folders.find(config.data)
    # A folder's hash does not tell in which class a picture lies; with the number of pictures in each, it does.
    settings = {**cli.plain(config), "pictures": found.counts()}
    claim = partial(lineage.claim, out, "detect.classify", settings, parents={"data": config.data})
    if lineage.is_complete(out) and claim():
        print(f"{out / 'results.json'}: already there")
        return
    material, names = prepare(config, found), found.names
    training.quiet()
    trainer = training.trainer(
        config.accelerator,
        1,
        config.precision,
        config.steps,
        **config.per_step,
    )
    claim()
    with tracking.start(config.logger, "detect.classify", settings, out, training.saved_run(last)) as run:
        lr = rate(material, out)
        if config.range_steps:
            run.images("range test", [out / "lr.png"])
        start = training.saved_batches(last)
        loader = material.batches(0, start)
        if not start:
            draw_batch(next(iter(loader)), names, out / "batch.png")
            run.images("batch", [out / "batch.png"])
        module = DetectorModule(material.model(), replace(config, lr=lr))
        trainer.logger = run.lightning() or None
        trainer.callbacks += [  # type: ignore[attr-defined]
            training.KeepRun(run),
            training.KeepCheckpoint(last, config.checkpoint_every, config.steps),
            training.ProgressLines("training", config.steps),
        ]
        training.fit(trainer, module, loader, last if start else None)
        trained: Any = module.final
        result = classifier.Checkpoint(trained, names, material.size)
        classifier.save(out / CLASSIFIER, result)
        seen = classifier.look(result, material.pictures, config.accelerator, config.precision)
        results = {**score(material, seen.probabilities), "lr": lr}
        draw(material, results, seen.features, out)
        write_json(out / "results.json", results)
        run.summary({"top1": results["top1"]})
        for chart in ("confusion", "embedding"):
            run.images(chart, [out / f"{chart}.png"])
    lineage.complete(out, top1=results["top1"])
    print(table(results))
    print(f"{out / 'results.json'}; look at {out}/*.png")


def rate(material: Material, out: Path) -> float:
    """The highest learning rate: `lr`, or what a range test suggests, which an earlier call may have made.

    Raises:
        UserError: the loss of the range test does not fall.
    """
    config = material.config
    if not config.range_steps:
        return config.lr
    if (out / "lr.json").is_file():
        return float(json.loads((out / "lr.json").read_text(encoding="utf-8"))["lr"])
    keys = {item.name: getattr(config, item.name) for item in fields(Recipe)} | {"steps": config.range_steps}
    recipe = RangeRecipe(**keys, accelerator=config.accelerator, precision=config.precision)
    found = record(range_test(material._replace(config=replace(config, steps=config.range_steps)), recipe), out)
    if found is None:
        raise UserError(f"the loss of the range test does not fall, see {out / 'lr.png'}; give lr= and range_steps=0")
    print(f"lr={found.lr:.1e} from the range test, see {out / 'lr.png'}")
    return found.lr


def score(material: Material, probabilities: Floats) -> dict[str, Any]:
    """What results.json holds; `probabilities` (N×K) are those of all pictures.

    `top1` is the share of test pictures whose class is the most probable one. Its interval is of resampled groups of
    near duplicates, since pictures of one group say the same thing twice. `majority` is the top-1 of always naming the
    class that is commonest in train.
    """
    found, sides, config = material.found, material.sides, material.config
    labels, said = np.array(found.labels), probabilities.argmax(axis=1)
    truth, guess = labels[sides.test], said[sides.test]
    counts = np.zeros((len(found.names),) * 2, dtype=np.int64)
    np.add.at(counts, (truth, guess), 1)
    groups = np.array(sides.test_groups)
    drawn = resamplings(groups.max() + 1, config.draws, config.seed)
    shares = drawn @ np.bincount(groups, truth == guess) / (drawn @ np.bincount(groups))
    learned, tested = (np.bincount(labels[side], minlength=len(found.names)) for side in (sides.train, sides.test))
    return {
        "top1": float((truth == guess).mean()),
        "intervals": {"top1": interval(shares) if len(np.unique(groups)) > 1 else None},
        "majority": float((truth == learned.argmax()).mean()),
        "images": {"train": len(sides.train), "test": len(sides.test), "test_groups": int(groups.max()) + 1},
        "per_class": {
            name: {
                "train": int(learned[k]),
                "test": int(tested[k]),
                "recall": float(counts[k, k] / tested[k]) if tested[k] else None,
                "precision": float(counts[k, k] / counts[:, k].sum()) if counts[:, k].any() else None,
            }
            for k, name in enumerate(found.names)
        },
        "confusion": {"classes": found.names, "counts": counts.tolist()},
        "predictions": [
            {
                "file": found.name(i),
                "class": found.names[labels[i]],
                "found": found.names[said[i]],
                "probability": round(float(probabilities[i].max()), 4),
            }
            for i in sides.test
        ],
    }


def draw(material: Material, results: Mapping[str, Any], features: Floats, out: Path) -> None:
    """confusion.png of the test pictures and embedding.png of all."""
    names, sides = material.found.names, material.sides
    counts: Ints = np.array(results["confusion"]["counts"])
    plots.draw_confusion(counts, names, out / "confusion.png", f"{len(sides.test)} test pictures")
    side = np.ones(len(features), dtype=np.int64)
    side[sides.test] = 0
    points = tsne(features, material.config.seed)
    plots.draw_embedding(
        points, (np.array(material.found.labels), names), (side, ["test", "train"]), out / "embedding.png"
    )


def table(results: Mapping[str, Any]) -> str:
    """The results as lines of text: one per class, one for all, one for each of the first mistakes."""
    rows: list[Sequence[str]] = [["", "train", "test", "recall", "precision"]]
    for name, values in results["per_class"].items():
        shares = ["–" if values[key] is None else f"{values[key]:.3f}" for key in ("recall", "precision")]
        rows.append([name, str(values["train"]), str(values["test"]), *shares])
    images, bounds = results["images"], results["intervals"]["top1"]
    within = f", 95 % {bounds[0]:.3f}–{bounds[1]:.3f}" if bounds else ""
    wrong = [p for p in results["predictions"] if p["class"] != p["found"]]
    rest = [f"and {len(wrong) - SHOWN} more, see results.json"] if len(wrong) > SHOWN else []
    return "\n".join(
        [
            aligned(rows, right=True),
            f"top-1 {results['top1']:.3f}{within} on {images['test']} pictures in {images['test_groups']} groups; "
            f"always naming the commonest class: {results['majority']:.3f}",
            *(f"{p['file']}: taken for {p['found']} ({p['probability']:.2f})" for p in wrong[:SHOWN]),
            *rest,
        ]
    )


if __name__ == "__main__":
    cli.run(classify, ClassifyConfig, "detect_classify", __doc__)
