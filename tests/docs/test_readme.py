"""The README's commands, in their order, as small as they get: each of them runs on what those before it have made."""

import json
from pathlib import Path

import pytest
from PIL import Image as Picture

from coldstart.dataset import load
from tests.detect.conftest import make_toys
from tests.detect.test_classify import make_classes
from tests.detect.test_recognise import cut_out
from tests.docs.commands import ROOT, Command, commands
from tests.docs.running import run

CLASSES = ["ketchup", "orange", "water"]
ELSEWHERE = {  # modules, and the words of a command, that another test runs
    "coldstart": "tests/test_end_to_end.py",
    "blender_scenes.match": "tests/blender_scenes/test_match.py",  # a page that waits for clicks
    "detect.page": "tests/detect/test_page.py",
    "gan.sample": "tests/gan/test_sample.py",  # needs a trained StyleGAN2, of which the table says how
    "--multirun": "tests/detect/test_sweep.py",
    "--config-dir": "tests/blender_scenes/test_match.py",  # of a fridge that was clicked before
}


def test_every_command_of_the_readme_runs_after_those_before_it(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    assert all((ROOT / test).is_file() for test in ELSEWHERE.values())
    (tmp_path / "scratch").mkdir()
    at = tmp_path / "path" / "to"
    for folder in ("dataset", "labels"):
        make_toys(at / folder, 8, seed=len(folder), names=CLASSES, size=(96, 128))
    make_toys(at / "photos", 3, seed=5, names=CLASSES, size=(96, 128))
    make_classes(at / "classes")
    cut_out(at / "dataset", at / "products", CLASSES)
    fridge = Picture.effect_noise((480, 640), 20).convert("RGB")
    fridge.paste((200, 30, 60), (213, 337, 213 + 116, 337 + 136))  # the tub of `new_product`
    fridge.save(tmp_path / "fridge.jpg")
    typed = [c for c in commands(ROOT / "README.md", tmp_path / "scratch") if c.words[:2] == ("python", "-m")]
    listed = [c for c in typed if not ELSEWHERE.keys() & set(c.words)]
    for number, command in enumerate(listed):
        if command.words[2] == "detect.compare":  # with a second score, of the same detector
            (score,) = (c for c in listed if c.words[2] == "detect.evaluate")
            words = (*(w for w in score.words if not w.startswith("out=")), "out=outputs/other_score")
            listed.insert(number, Command(score.page, score.line, words))
            break
    run(listed, tmp_path)
    out = tmp_path / "outputs"
    assert len(listed) > 20
    assert load(out / "three").class_names == CLASSES
    assert load(out / "labelled").annotations
    assert all(json.loads(card.read_text())["complete"] for card in out.glob("*/card.json"))
