"""A finished study of toy photos with hostile names, and its page, made once."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from coldstart import lineage, report
from coldstart.dataset import load, write_json
from coldstart.study import results
from coldstart.study.plan import Plan, plan
from tests.coldstart import conftest as toys
from tests.coldstart.study.conftest import ARMS, finish, photos_config

HOSTILE = "</script><script>window.hit=1</script>"
NAMES = ["milk", HOSTILE, "water"]
TITLE = "renders <img src=x onerror=window.hit=1>"
READ = ("source", "target", "checkpoint", "data", "synthetic", "real")  # keys that name parents
CALL = "python -m coldstart experiment=toy"


class Made(NamedTuple):
    """A study's folder, what its results.json holds, and its page."""

    out: Path
    results: dict[str, Any]
    page: Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Four arms, two folds, one seed; every folder with what its command leaves behind for the page."""
    out = tmp_path_factory.mktemp("report") / "toy"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toys, "NAMES", NAMES)
        arms = {**ARMS, "renders": {"title": TITLE, "synthetic": ["source"]}}
        config = photos_config(out, arms=arms, seeds=[0])
        planned = finish(config)
        for step in planned.steps:
            _dress(planned, step.out)
        found = json.loads(json.dumps(results.collect(config, planned, CALL)))
        return Made(out, found, report.write(out, found))


def _dress(planned: Plan, folder: Path) -> None:
    """What the commands leave and the toys do not: parents, audits, sources and detections."""
    step = next(step for step in planned.steps if step.out == folder)
    parsed = OverridesParser.create().parse_overrides(list(step.overrides))
    keys: dict[str, Any] = {override.key_or_group: override.value() for override in parsed}
    card = lineage.read_card(folder)
    read = [keys[key] for key in READ if key in keys]
    paths = [path for some in read for path in (some if isinstance(some, list) else [some])]
    card["parents"] = {str(n): {"path": path, "sha256": "0"} for n, path in enumerate(paths)}
    write_json(folder / "card.json", card)
    if step.module == "gan.translate":
        content = json.loads((folder / "annotations.json").read_text())
        source = load(keys["source"])
        for image, render in zip(content["images"], source.images, strict=True):
            image["source"] = os.path.relpath(source.path(render), folder)
            image["audit"] = {"retained": 1, "vanished": 1, "unjudged": 1, "appeared": int(image["id"] == 1)}
        write_json(folder / "annotations.json", content)
    if step.module == "detect.evaluate":
        rng = np.random.default_rng(int(step.id[-4:], 16))
        write_json(folder / "detections.json", [_near(a, rng) for a in load(keys["data"]).annotations])


def _near(label: Any, rng: np.random.Generator) -> dict[str, Any]:
    """A detection on the label, or off it if it is an even one."""
    x, y, width, height = label["bbox"]
    off = width if label["id"] % 2 == 0 else 0.0
    box = [x + off, y, width, height]
    return {**{k: label[k] for k in ("image_id", "category_id")}, "bbox": box, "score": float(rng.uniform(0.1, 0.9))}


@pytest.fixture
def unmade(tmp_path: Path) -> dict[str, Any]:
    """results.json of a study of which nothing is made yet."""
    config = photos_config(tmp_path / "toy", seeds=[0])
    return results.collect(config, plan(config), CALL)
