import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect import detectors, onnx_model
from detect.detectors import Checkpoint, build, check
from detect.export import ExportConfig, difference, export
from detect.predict import PredictConfig, predict

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
NONE = LoggerConfig(kind="none")


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx") / "out"
    export(ExportConfig(NONE, str(trained / "detector.safetensors"), str(out), str(trained.parent / "toys"), 4))
    return out


def test_export_says_what_was_compared(exported: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = json.loads((exported / "card.json").read_text())
    assert card["complete"]
    assert card["compared"] > 12
    assert 0 < card["largest_difference"] < 1e-3
    export(ExportConfig(NONE, str(trained / "detector.safetensors"), str(exported), str(trained.parent / "toys"), 4))
    assert "already there" in capsys.readouterr().out


def test_the_file_says_how_to_use_it(exported: Path) -> None:
    graph = onnx.load(exported / "detector.onnx")
    metadata = {p.key: p.value for p in graph.metadata_props}
    assert json.loads(metadata["class_names"]) == ["square", "disc", "bar"]
    assert json.loads(metadata["size"]) == [96, 96]
    assert "96×96 filled with 127" in metadata["preprocessing"]
    (entry,) = graph.graph.input
    assert [d.dim_value for d in entry.type.tensor_type.shape.dim] == [1, 3, 96, 96]
    assert [o.name for o in graph.graph.output] == ["boxes", "scores", "labels"]


def test_predict_finds_the_same_by_onnx(
    exported: Path, trained: Path, toys: Callable[..., Path], tmp_path: Path
) -> None:
    photos = toys("other", 3, seed=5, size=(150, 90)) / "images"
    found = []
    for checkpoint in (trained / "detector.safetensors", exported / "detector.onnx"):
        out = tmp_path / checkpoint.suffix
        predict(
            PredictConfig(NONE, str(checkpoint), str(photos), str(out), 0.1, accelerator="cpu", precision="32-true")
        )
        found.append(json.loads((out / "detections.json").read_text())["annotations"])
    assert len(found[0]) >= 3
    assert [(a["image_id"], a["category_id"]) for a in found[0]] == [
        (a["image_id"], a["category_id"]) for a in found[1]
    ]
    for a, b in zip(*found, strict=True):
        assert b["bbox"] == pytest.approx(a["bbox"], abs=2e-3)  # in pixels of the larger photo
        assert b["score"] == pytest.approx(a["score"], abs=1e-4)


@pytest.mark.parametrize("agnostic", [0.6, None])
def test_ssdlite(agnostic: float | None) -> None:
    torch.manual_seed(0)
    config = check({"name": "ssdlite", "agnostic_nms": agnostic})
    ours = Checkpoint(build(config, 3).eval(), config, ["a", "b", "c"], (96, 64))
    frames = list(torch.randint(0, 256, (3, 3, 64, 96), dtype=torch.uint8))
    compared, largest = difference(ours, onnx_model.from_bytes(onnx_model.to_bytes(ours), "ssdlite"), frames)
    assert compared > 50
    assert largest < 1e-3


def test_mirrored_pictures_are_in_the_graph(trained: Path) -> None:
    plain = detectors.load(trained / "detector.safetensors")
    config = replace(plain.config, mirrored=True, min_score=0.2)
    ours = Checkpoint(build(config, 3).eval(), config, plain.class_names, plain.size)
    ours.model.load_state_dict(plain.model.state_dict())
    frames = list(torch.randint(0, 256, (3, 3, 96, 96), dtype=torch.uint8))
    compared, largest = difference(ours, onnx_model.from_bytes(onnx_model.to_bytes(ours), "mirrored"), frames)
    assert compared > 0
    assert largest < 1e-3


def test_another_detector_differs(exported: Path, trained: Path) -> None:
    ours = detectors.load(trained / "detector.safetensors")
    frames = list(torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8))
    moved = next(p for name, p in ours.model.named_parameters() if "bbox_reg" in name and name.endswith("bias"))
    with torch.no_grad():
        moved += 0.5
    ours.model.score_thresh = 0.0
    assert difference(ours, onnx_model.load(exported / "detector.onnx"), frames)[1] > 1e-3


def test_bad_files(tmp_path: Path, trained: Path) -> None:
    with pytest.raises(UserError, match=r"a\.onnx: cannot be read"):
        onnx_model.load(tmp_path / "a.onnx")
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"a\.onnx: cannot be read as ONNX"):
        onnx_model.load(tmp_path / "a.onnx")
    identity = onnx.helper.make_node("Identity", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    other = onnx.helper.make_model(onnx.helper.make_graph([identity], "g", ends[:1], ends[1:]), ir_version=8)
    onnx.save(other, tmp_path / "b.onnx")
    with pytest.raises(UserError, match=r"b\.onnx: was not written by detect\.export"):
        onnx_model.load(tmp_path / "b.onnx")
    out = tmp_path / "out"
    with pytest.raises(UserError, match="no such checkpoint"):
        export(ExportConfig(NONE, str(tmp_path / "c.safetensors"), str(out)))
    rfdetr = Checkpoint(torch.nn.Identity(), check({"name": "rfdetr"}), ["a"], (64, 64))
    with pytest.raises(UserError, match="rfdetr cannot be exported"):
        onnx_model.to_bytes(rfdetr)
    with pytest.raises(UserError, match="count: 0"):
        ExportConfig(NONE, "a", str(out), count=0)
    assert not out.exists()
