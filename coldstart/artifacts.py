"""What a run was made from and what it made, as W&B artifacts: joined by content, so that lineage holds across runs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldstart.lineage import fingerprint

__all__ = ["inputs", "outputs"]

WEIGHTS = frozenset({".safetensors", ".onnx", ".pth", ".pt"})
LONGEST = 128  # characters of an artifact's name, W&B's limit


def inputs(card: Mapping[str, Any]) -> list[Any]:
    """An artifact for each parent that a folder's card names."""
    return [_artifact(Path(parent["path"]), parent["sha256"]) for parent in card.get("parents", {}).values()]


def outputs(out: Path) -> list[Any]:
    """An artifact for each dataset folder and each file of weights that lies in `out`."""
    folders = [folder for folder in (out, *sorted(out.iterdir())) if (folder / "annotations.json").is_file()]
    weights = sorted(file for file in out.iterdir() if file.suffix in WEIGHTS)
    return [_artifact(path, fingerprint(path)) for path in (*folders, *weights)]


def _artifact(path: Path, sha256: str) -> Any:
    """Equal content gives an equal digest, by which W&B knows the artifact that one run made and another used.

    Weights are in it; of a dataset only its fingerprint, since photos are nobody's to upload unasked.
    """
    from wandb import Artifact

    path = path.resolve()
    kind = "model" if path.suffix in WEIGHTS else "results" if path.is_file() else "dataset"
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{path.parent.name}-{path.name}").strip("-")[-LONGEST:]
    artifact = Artifact(name, kind, metadata={"path": str(path), "sha256": sha256})
    if kind == "model" and path.is_file():
        artifact.add_file(str(path), policy="immutable", skip_cache=True)  # finished files stay: no copy is needed
    else:
        with artifact.new_file("sha256.txt") as file:
            file.write(sha256)
    return artifact
