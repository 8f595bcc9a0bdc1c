"""What lies behind a score: confusion, kinds of errors, a suggested threshold, curves, the domain gap; its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from coldstart.dataset import Dataset
from detect import plots
from detect.breakdown import KINDS, breakdown
from detect.confusion import confusion_matrix
from detect.detectors import Checkpoint
from detect.embedding import crop_features, domain_gap, tsne
from detect.precision import precision_curves
from detect.scoring import Outcome, Score
from detect.threshold import ThresholdConfig, operation, operations, suggest

__all__ = ["analyse", "draw", "embed", "lines"]


def analyse(outcome: Outcome, threshold: float, aim: ThresholdConfig) -> dict[str, Any]:
    """The entries of results.json: `at_score` and `confusion` for detections with at least `threshold`, `suggested`
    (a threshold that comes up to `aim`, see `detect.threshold`), `errors`, and `precision_at_recall`: 101 values for
    each class, at IoU 0.5.
    """
    curves = precision_curves(outcome.matches.at(0.5))[0]
    return {
        "at_score": asdict(operation(outcome.matches, threshold)),
        "suggested": suggest(outcome.matches, aim),
        "confusion": {
            "classes": outcome.matches.classes,
            "counts": confusion_matrix(outcome, threshold).tolist(),
        },
        "errors": asdict(breakdown(outcome)),
        "precision_at_recall": {
            name: None if np.isnan(curves[0, k]) else curves[:, k].round(4).tolist()
            for k, name in enumerate(outcome.matches.classes)
        },
    }


def draw(outcome: Outcome, score: Score, results: Mapping[str, Any], out: Path) -> list[Path]:
    """The pictures of `analyse`'s numbers; returns the files."""
    files = {name: out / f"{name}.png" for name in ("groups", "precision_recall", "confusion", "errors", "threshold")}
    used = results["at_score"]["score"]
    plots.draw_groups(score, results["boxes_per_class"], files["groups"])
    plots.draw_precision_recall(outcome.matches, files["precision_recall"])
    counts = np.array(results["confusion"]["counts"])
    plots.draw_confusion(counts, outcome.matches.classes, files["confusion"], f"score {used:.2f} and above, IoU 0.5")
    plots.draw_errors(results["errors"], files["errors"])
    suggested = results["suggested"]
    plots.draw_threshold(operations(outcome.matches), suggested and suggested["score"], used, files["threshold"])
    return list(files.values())


def embed(
    checkpoint: Checkpoint,
    data: Dataset,
    synthetic: Sequence[Dataset],
    path: Path,
    *,
    count: int,
    seed: int = 0,
    accelerator: str = "auto",
) -> dict[str, Any]:
    """Draw the objects of `data` beside those of the synthetic folders, at most `count` of each folder.

    Returns the gap between `data` and each folder, and every point of the map with its class and folder.
    """
    names = data.class_names
    folders = [data, *synthetic]
    crops = [crop_features(checkpoint, folder, names, count, accelerator) for folder in folders]
    category = np.concatenate([c.category for c in crops])
    domain = np.repeat(np.arange(len(crops)), [len(c.category) for c in crops])
    features = np.concatenate([c.features for c in crops if len(c.category)])
    points = tsne(features, seed)
    kinds = [f"{'synthetic' if i else 'scored on'}: {folder.root.resolve().name}" for i, folder in enumerate(folders)]
    plots.draw_embedding(points, (category, names), (domain, kinds), path)
    return {
        "gaps": {
            str(folder.root): domain_gap(crops[0], c, seed) for folder, c in zip(synthetic, crops[1:], strict=True)
        },
        "folders": [str(folder.root) for folder in folders],
        "points": [
            {"x": round(x, 3), "y": round(y, 3), "class": names[k], "folder": int(d)}
            for (x, y), k, d in zip(points.tolist(), category, domain, strict=True)
        ],
    }


def lines(results: Mapping[str, Any]) -> list[str]:
    """What `analyse` and `embed` found, in words for the terminal."""
    text = [f"score {results['at_score']['score']:.3f} and above: {_worth(results['at_score'])}"]
    if suggested := results["suggested"]:
        kept = "" if suggested["reached"] else ", out of reach; nearest"
        text.append(f"suggested for {suggested['aim']}{kept}: {suggested['score']:.3f}: {_worth(suggested)}")
        text.append("  (chosen on these very photos: use it on others, by score_from=)")
    errors = results["errors"]
    kinds = [f"{kind} {errors['counts'][kind]}{_gain(errors['gains'][kind])}" for kind in KINDS]
    text.append(f"errors (AP50 gained if mended): {', '.join(kinds)}")
    for folder, gap in results.get("embedding", {}).get("gaps", {}).items():
        if gap["own_domain"] is not None:
            text.append(
                f"objects beside {folder}: {gap['own_domain']:.2f} of neighbours are of the own domain "
                f"({gap['chance']:.2f} by chance); nearest across is of the class: {gap['class_across']:.2f}"
            )
    return text


def _worth(values: Mapping[str, Any]) -> str:
    precision, recall, f1 = (
        "–" if values[key] is None else f"{values[key]:.3f}" for key in ("precision", "recall", "f1")
    )
    return f"precision {precision}, recall {recall}, F1 {f1}, {values['false_alarms']:.2f} false alarms per photo"


def _gain(value: float | None) -> str:
    return "" if value is None else f" (+{value:.3f})"
