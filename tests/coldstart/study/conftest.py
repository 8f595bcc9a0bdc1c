"""A study whose commands have all run, with toy folders for what they make and real matches for what they score."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart import cli, lineage
from coldstart.dataset import Dataset, load, write_json
from coldstart.study.config import StudyConfig
from coldstart.study.plan import Cell, Plan, plan
from coldstart.study.steps import Step
from detect import scoring
from tests.coldstart.conftest import toy_dataset

ARMS = {
    "renders": {"title": "renders", "synthetic": ["source"]},
    "translated": {"title": "translations", "synthetic": ["gan"]},
    "real": {"title": "labelled photos", "real": True},
    "translated_real": {"title": "translations + labelled photos", "synthetic": ["gan"], "real": True},
}
TAUGHT = {"title": "renders + photos labelled by a detector", "synthetic": ["source"], "teacher": "renders"}
SIZE = (96, 128)


def study_config(out: Path, **keys: Any) -> StudyConfig:
    """A small study with a simulated camera; `keys` are those of conf/coldstart.yaml."""
    settings: dict[str, Any] = {
        "name": "toy",
        "out": str(out),
        "cache": str(out / "cells"),
        "arms": ARMS,
        "translators": {"gan": {"model": "cyclegan_small", "steps": 7, "crop": 32}},
        "budgets": [0, 1, "all"],
        "seeds": [0, 1],
        "size": list(SIZE),
        "draws": 50,
        "real": {"simulated": {"train": 4, "test": 5}},
        "logger": {"kind": "none"},
        **keys,
    }
    return cli.typed(StudyConfig, settings)


def photos_config(out: Path, **keys: Any) -> StudyConfig:
    """A small study of six toy photos in two folds."""
    data = out.parent / "photos"
    if not data.exists():
        toy_dataset(data, 6, 90, SIZE, photo=True)
    return study_config(out, **{"folds": 2, "real": {"data": str(data)}, **keys})


def finish(config: StudyConfig) -> Plan:
    """Write the folders that the steps of `config` would leave behind."""
    planned = plan(config)
    scored = {cell.score.id: cell for cell in planned.cells}
    for number, step in enumerate(planned.steps):
        finish_step(step, number, config, scored.get(step.id))
    return planned


def finish_step(step: Step, number: int, config: StudyConfig, cell: Cell | None = None) -> None:
    """Write what one step would leave behind."""
    step.out.parent.mkdir(parents=True, exist_ok=True)
    seconds = 12.5 + number
    write_json(step.record, {"command": step.command, "seconds": seconds, "calls": 1, "code": 0, "said": None})
    lineage.claim(step.out, step.module, {"command": step.command})
    metrics: dict[str, Any] = {}
    if step.module in ("blender_scenes.render", "gan.translate", "detect.label", "coldstart.subset"):
        counts = [o.split("=")[1] for o in step.overrides if o.startswith("count=")]
        count = int(counts[0]) if step.module == "coldstart.subset" else 5
        toy_dataset(step.out, count, number, SIZE, photo=step.name != "render")
    elif step.module == "coldstart.split":
        for fold in (f"fold{k}/" for k in range(config.folds)):
            toy_dataset(step.out / fold / "train", 3, 91, SIZE, photo=True)
            toy_dataset(step.out / fold / "test", 3, 92, SIZE, photo=True)
    elif step.module == "gan.train":
        toy_picture(step.out / "samples" / "000250.png", (SIZE[0] * 3, SIZE[1]))
    elif step.module == "detect.train":
        toy_picture(step.out / "batch.png", (SIZE[0] * 4, SIZE[1] * 2))
    elif cell is not None:
        test = next(o.removeprefix("data=") for o in step.overrides if o.startswith("data="))
        metrics = toy_scores(step.out, load(test), skill(cell), seed=cell.seed)
    lineage.complete(step.out, **metrics)


def skill(cell: Cell) -> float:
    """How much a toy detector has learnt, from 0 to 1: more with more photos and with synthetic pictures."""
    photos = {0: 0.0, 1: 0.25, "all": 0.6}[cell.budget]
    return photos + {"renders": 0.4, "translated": 0.45, "real": 0.0, "translated_real": 0.3, "taught": 0.5}[cell.arm]


def toy_scores(out: Path, data: Dataset, learnt: float, seed: int) -> dict[str, Any]:
    """What `detect.evaluate` writes of a detector that finds a box with the chance `learnt`, and not quite."""
    rng = np.random.default_rng([seed, round(100 * learnt)])
    predictions = []
    for annotation in data.annotations:
        if rng.random() < learnt:
            box = (np.array(annotation["bbox"]) + rng.normal(0, 1.5, 4) * (1 - learnt)).tolist()
            some = {"image_id": annotation["image_id"], "category_id": annotation["category_id"], "bbox": box}
            predictions.append({**some, "score": float(rng.random())})
    outcome = scoring.outcome(predictions, data.images, data.annotations, data.categories)
    outcome.matches.save(out / "matches.npz")
    score = scoring.summary(outcome, draws=10)
    write_json(out / "results.json", {**score.metrics, "per_class": score.per_class})
    for image in data.images:
        toy_picture(out / "detections" / f"{Path(image['file_name']).stem}.jpg", SIZE)
    return dict(score.metrics)


def toy_picture(path: Path, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, 255, size[0] * size[1] * 3).reshape(size[1], size[0], 3)
    Picture.fromarray(ramp.astype(np.uint8)).save(path)


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., StudyConfig]:
    """Make a study's config with a simulated camera: `config(seeds=[0], …)`."""
    return lambda **keys: study_config(tmp_path / "toy", **keys)


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., StudyConfig]:
    """Make a study's config with six toy photos: `photos(folds=3, …)`."""
    return lambda **keys: photos_config(tmp_path / "toy", **keys)
