"""The docs' commands, as small as they get: the README's in their order, then each page's on what those have left."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image as Picture

from coldstart.dataset import load
from gan.networks import ResnetGenerator
from tests.detect.conftest import make_toys
from tests.detect.test_classify import make_classes
from tests.detect.test_recognise import cut_out
from tests.detect.test_video import write
from tests.docs.commands import PAGES, ROOT, Command, commands, write_readers_conf
from tests.docs.running import OTHERS, Chain

CLASSES = ["ketchup", "orange", "water"]
ELSEWHERE = {  # modules, scripts and words of a command, and the test nearest to it
    "--multirun": "tests/detect/test_sweep.py",
    "benchmarks.coco_evaluation": "tests/benchmarks/test_coco_evaluation.py",
    "benchmarks.translate": "tests/benchmarks/test_translate.py",
    "benchmarks/check_labels.py": "tests/benchmarks/test_check_labels.py",
    "benchmarks/check_placement.py": "tests/benchmarks/test_check_placement.py",
    "blender": "tests/blender_scenes/test_render.py",
    "blender_scenes.match": "tests/blender_scenes/test_match.py",  # a page that waits for clicks
    "coldstart": "tests/docs/test_studies.py",
    "detect.page": "tests/detect/test_page.py",
    "docs/report.py": "tests/test_end_to_end.py",  # of a whole study
    "docs/strip.py": "tests/test_end_to_end.py",
    "make": "tests/docs/test_site.py",  # and test_studies.py; test, lint and install are what runs these tests
    "mirror=s3://bucket/runs/detector": "tests/detect/test_resume.py",
    "workers=ray": "tests/blender_scenes/test_cluster.py",
}
UNTESTED = {"benchmarks/blenderproc.py"}  # needs BlenderProc and the Blender that it downloads
BOXES = [(213, 337, 116, 136), (656, 709, 70, 183), (489, 408, 132, 60)]  # of products in a photo, in the docs
KINDS = ("crowded", "shop", "stacks", "leaning", "occluded", "physics", "clutter")  # on docs/placement.md
COPIES = {  # what readers are told to have, and what of the README's folder it is here
    "my_fridge": "path/to/labels",
    "my_products": "path/to/products",
    "path/to/fridge_a": "path/to/labels",
    "path/to/fridge_b": "path/to/dataset",
    "photos": "path/to/labels",
    "products": "path/to/classes",
    "outputs/a": "outputs/translated",
    "outputs/b": "outputs/translated",
    "outputs/crowded": "path/to/dataset",
    "outputs/damages/clean": "outputs/renders",
    "outputs/damages/simulated_camera": "outputs/translated",
    "outputs/fridge": "outputs/renders",
    "outputs/long": "outputs/detector",
    **{
        f"outputs/metrics/{name}": "outputs/translated" for name in ("renders", "reinhard", "histogram", "fda", "truth")
    },
    "outputs/metrics/target": "path/to/photos",
    **{f"outputs/pl/{kind}": "outputs/renders" for kind in KINDS},
    "outputs/other": "outputs/renders",
    "outputs/score_both": "outputs/other_score",
    "outputs/score_photos_only": "outputs/score",
    "outputs/shelf": "outputs/renders",
    "outputs/short": "outputs/detector",
    "outputs/target": "path/to/labels",
    "outputs/translators/simulated/renders": "outputs/renders",
    "outputs/translators/simulated/trained/bilateral": "outputs/gan",
    "outputs/translators/simulated/truth": "outputs/renders",
    "outputs/translators/simulated/unseen": "path/to/photos",
    "outputs/truth": "outputs/translated",
    "outputs/validation": "outputs/score",
}


def ours(page: Path, folder: Path) -> list[Command]:
    """The commands of a page that are run here."""
    scratch = folder / "scratch"
    scratch.mkdir()
    typed = (command for command in commands(page, scratch) if command.words[0] not in OTHERS)
    return [command for command in typed if not {*ELSEWHERE, *UNTESTED} & set(command.words)]


@pytest.fixture(scope="module")
def followed(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of someone who has typed all of the README."""
    pytest.importorskip("bpy")
    assert all((ROOT / test).is_file() for test in ELSEWHERE.values())
    folder = tmp_path_factory.mktemp("followed")
    at = folder / "path" / "to"
    for name in ("dataset", "labels"):
        make_toys(at / name, 12, seed=len(name), names=CLASSES, size=(96, 128))
    make_toys(at / "photos", 4, seed=5, names=CLASSES, size=(96, 128))
    make_classes(at / "classes")
    cut_out(at / "dataset", at / "products", CLASSES)
    write_readers_conf(folder / "my_conf")
    for name in ("docs/pictures", "outputs"):
        (folder / name).mkdir(parents=True)
    write(folder / "clip.mp4", [0.0, 0.1, 0.2, 0.3])
    Picture.new("RGB", (1160, 2000)).save(folder / "page.png")  # what Chromium shoots
    torch.save(ResnetGenerator(3, 3, base=4).state_dict(), folder / "latest_net_G_A.pth")
    fridge = Picture.effect_noise((1000, 1000), 20).convert("RGB")
    for left, top, wide, high in BOXES:
        fridge.paste((200, 30, 60), (left, top, left + wide, top + high))
    fridge.save(folder / "fridge.jpg")
    listed = [c for c in ours(ROOT / "README.md", folder) if "gan.sample" not in c.words]  # of what the table trains
    for number, command in enumerate(listed):
        if command.words[2] == "detect.compare":  # with a second score, of the same detector
            (score,) = (c for c in listed if c.words[2] == "detect.evaluate")
            words = (*(w for w in score.words if not w.startswith("out=")), "out=outputs/other_score")
            listed.insert(number, Command(score.page, score.line, words))
            break
    assert len(listed) > 20
    chain.run(listed, folder)
    return folder


def test_every_command_of_the_readme_runs_after_those_before_it(followed: Path) -> None:
    out = followed / "outputs"
    assert load(out / "three").class_names == CLASSES
    assert load(out / "labelled").annotations
    assert all(json.loads(card.read_text())["complete"] for card in out.glob("*/card.json"))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem not in ("README", "tutorial")], ids=lambda p: p.stem
)
def test_the_commands_of_a_page_run(page: Path, chain: Chain, followed: Path, tmp_path: Path) -> None:
    if not (listed := ours(page, tmp_path)):
        pytest.skip("no command of ours")
    folder = tmp_path / "reader"
    shutil.copytree(followed, folder, copy_function=os.link)
    shutil.rmtree(folder / "my_conf")  # pages show how to make what the README has
    write_readers_conf(folder / "my_conf")
    for name, source in COPIES.items():
        shutil.copytree(folder / source, folder / name, copy_function=os.link)
    shutil.copy(folder / "fridge.jpg", folder / "photos")
    shutil.copytree(folder / "path/to/labels", tmp_path / "shared/data/fridge_a")
    chain.run(listed, folder)
