"""results.json: everything that is known of a study, done or not; and its table for the terminal."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from coldstart import cli
from coldstart.dataset import asked, load
from coldstart.errors import UserError
from coldstart.lineage import read_card
from coldstart.study import answer
from coldstart.study.config import SOURCE, Arm, StudyConfig
from coldstart.study.making import read_record
from coldstart.study.plan import Cell, Plan, Synthetic
from coldstart.study.running import failure, state
from coldstart.study.scores import METRICS, Point, Scores
from coldstart.study.steps import Made, Step
from coldstart.study.verdict import sentences, with_interval
from coldstart.tables import aligned

__all__ = ["METRICS", "collect", "differences_table", "read_scores", "table"]

# Parts of a translator's cost, and what made them.
TRANSLATING: dict[str, Callable[[Synthetic], Made | None]] = {
    "translator": lambda synthetic: synthetic.translator,
    "translate": lambda synthetic: synthetic.made,
}


def collect(config: StudyConfig, plan: Plan, call: str) -> dict[str, Any]:
    """Everything results.json holds; what is missing is None, never 0. `call` is the command that made the study."""
    steps = {step.id: _step(step) for step in plan.steps}
    done = [cell for cell in plan.cells if steps[cell.score.id]["status"] == "done"]
    scores = Scores.of(plan, done, draws=config.draws, seed=config.seed)
    folds = [
        {"name": fold.name, "train": contents(fold.train.path), "test": contents(fold.test.path)} for fold in plan.folds
    ]
    photos, cells = _photos(plan), [_cell(cell, steps) for cell in plan.cells]
    listed = list(dict.fromkeys((cell.arm, cell.budget) for cell in plan.cells))
    points = [_point(scores, at, photos, plan.cells, done) for at in listed]
    results: dict[str, Any] = {
        "schema": 1,
        "name": config.name,
        "call": call,
        "setting": _setting(config, plan),
        "arms": [{"name": name, **cli.plain(arm)} for name, arm in config.chosen.items()],
        "folds": folds,
        "synthetic": [
            {
                "name": part.name,
                "fold": part.fold,
                "translator": str(part.translator.path) if part.translator else None,
                **contents(part.made.path),
            }
            for part in plan.synthetic
        ],
        "cells": cells,
        "points": points,
        **_answers(config, scores, listed, photos),
        "best": _best(points, cells),
        "cost": [_cost(name, arm, plan, steps) for name, arm in config.chosen.items()],
        "steps": list(steps.values()),
        "seconds": round(sum(step["seconds"] or 0 for step in steps.values()), 1),
        "lineage": [_lineage(step.out) for step in plan.steps],
    }
    said = sentences(results)
    return {"verdict": " ".join(said), "sentences": said, **results}


def _setting(config: StudyConfig, plan: Plan) -> dict[str, Any]:
    return {
        "size": list(config.size),
        "steps": config.detector.steps,
        "batch": config.detector.batch,
        "seeds": list(config.seeds),
        "budgets": plan.budgets,
        "scene": config.source.scene,
        "look": config.source.look,
        "renders": config.source.count if plan.synthetic else None,
        "draws": config.draws,
        "real": {key: getattr(config.real, key) for key in ("kind", "data", "test", "unlabelled")},
    }


def contents(folder: Path) -> dict[str, Any]:
    """A dataset folder with its images and asked-for boxes per class, None for what is not there."""
    try:
        dataset = load(folder)
    except UserError:
        return {"folder": str(folder), "images": None, "boxes": None, "classes": None}
    names = {c["id"]: c["name"] for c in dataset.categories}
    boxes = Counter(names[a["category_id"]] for a in dataset.annotations if asked(a))
    classes = {name: boxes[name] for name in dataset.class_names}
    return {"folder": str(folder), "images": len(dataset.images), "boxes": sum(boxes.values()), "classes": classes}


def _photos(plan: Plan) -> dict[Point, list[int]]:
    """The labelled photos of each point in each fold; those of the plan where a folder is not made yet."""
    counts: dict[Point, dict[str, int]] = {}
    for cell in plan.cells:
        images = contents(cell.data.path)["images"] if cell.data else 0
        planned = cell.budget if isinstance(cell.budget, int) else None
        count = images if images is not None else planned
        if count is not None:
            counts.setdefault((cell.arm, cell.budget), {})[cell.fold] = count
    return {at: list(by_fold.values()) for at, by_fold in counts.items()}


def _cell(cell: Cell, steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    made = [steps[cell.train.id], steps[cell.score.id]]
    status = next((step["status"] for step in made if step["status"] != "done"), "done")
    images = contents(cell.data.path)["images"] if cell.data else 0
    return {
        "arm": cell.arm,
        "budget": cell.budget,
        "photos": images,
        "fold": cell.fold,
        "seed": cell.seed,
        "status": status,
        **read_scores(cell.score),
        "detector": str(cell.train.out),
        "scores": str(cell.score.out),
        "steps": [cell.train.id, cell.score.id],
    }


def read_scores(score: Step) -> dict[str, float | None]:
    """The metrics that detect.evaluate left in its card."""
    try:
        card = read_card(score.out)
    except UserError:
        card = {}
    return {metric: card.get(metric) for metric in METRICS}


def _point(
    scores: Scores, at: Point, photos: answer.Photos, cells: Iterable[Cell], done: Iterable[Cell]
) -> dict[str, Any]:
    count, wanted = (sum((cell.arm, cell.budget) == at for cell in some) for some in (done, cells))
    counts = photos.get(at)
    mean, said = (answer.mean(counts), answer.spread(counts)) if counts else (None, None)
    head = {"arm": at[0], "budget": at[1], "photos": mean, "photos_text": said, "cells": count, "wanted": wanted}
    return {**head, **answer.point(scores, at)}


def _best(points: Iterable[Mapping[str, Any]], cells: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """A detector of the highest mean AP, the first of its seeds and folds."""
    scored = [p for p in points if p["AP"]["mean"] is not None]
    if not scored:
        return None
    p = max(scored, key=lambda p: p["AP"]["mean"])
    cell = next(c for c in cells if (c["arm"], c["budget"], c["status"]) == (p["arm"], p["budget"], "done"))
    checkpoint = str(Path(cell["detector"]) / "detector.safetensors")
    return {
        "arm": p["arm"],
        "budget": p["budget"],
        "fold": cell["fold"],
        "seed": cell["seed"],
        "checkpoint": checkpoint,
    }


def _answers(config: StudyConfig, scores: Scores, listed: list[Point], photos: answer.Photos) -> dict[str, Any]:
    """The curve of photos alone, the photos that other arms replace, the differences."""
    arms = config.chosen
    alone = answer.photos_alone(arms)
    curves = {m: answer.learning_curve(scores, alone, photos, m) if alone else None for m in ("AP", "AP50")}
    replaced = [
        {"arm": at[0], "budget": at[1], "photos": answer.mean(photos[at]), "metric": metric, **found}
        for at in listed
        if alone and arms[at[0]].synthetic and at in scores.means
        for metric in curves
        if (found := answer.replaced(scores, alone, photos, at, metric))
    ]
    differences = [
        {
            "kind": asked.kind,
            "question": asked.question,
            **{end: {"arm": at[0], "budget": at[1]} for end, at in (("a", asked.a), ("b", asked.b))},
            **found,
        }
        for asked in answer.comparisons(arms, [at for at in listed if at in scores.means], photos)
        if (found := answer.difference(scores, asked))
    ]
    curve = {"arm": alone} | {
        metric: [{"photos": n, "value": float(v)} for n, v in zip(found.photos, found.values[:, 0], strict=True)]
        for metric, found in curves.items()
        if found
    }
    return {"curve": curve if len(curve) > 1 else None, "replaced": replaced, "differences": differences}


def _cost(name: str, arm: Arm, plan: Plan, steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Minutes of one detector of an arm: means over folds and seeds of what each command took when it was made."""
    by_id = {step.id: step for step in plan.steps}
    behind: dict[str, None] = {}
    waiting = [cell.train for cell in plan.cells if cell.arm == name]
    trained = {step.id for step in waiting}
    while waiting:
        step = waiting.pop()
        if step.id not in behind:
            behind[step.id] = None
            waiting += [by_id[need] for need in step.needs]
    # Photos of a simulated camera are no cost of the arm, nor are renders that only serve as such.
    photos = {made.step for fold in plan.folds for made in (fold.train, fold.test)}
    parts: dict[str, float | None] = {}
    renders = (i for i in behind if by_id[i].module == "blender_scenes.render" and i not in photos)
    parts["render"] = _minutes(renders, steps)
    for part, of in TRANSLATING.items():
        ids: dict[str, list[str]] = defaultdict(list)  # of each translator, one for a fold
        for synthetic in plan.synthetic:
            made = of(synthetic)
            if synthetic.name != SOURCE and made and made.step in behind:
                ids[synthetic.name].append(made.step)
        parts[part] = _sum(_minutes(some, steps) for some in ids.values())
    teachers = sorted(i for i in behind if by_id[i].module == "detect.train" and i not in trained)
    labels = sorted(i for i in behind if by_id[i].module == "detect.label")
    parts["detector"] = _sum(_minutes(some, steps) for some in (sorted(trained), teachers, labels) if some)
    total = sum(value for value in parts.values() if value is not None)
    return {"arm": name, **parts, "total": round(total, 2)}


def _minutes(ids: Iterable[str], steps: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The mean of what those took that were timed."""
    seconds = [steps[i]["seconds"] for i in ids if steps[i]["status"] == "done" and steps[i]["seconds"]]
    return round(float(np.mean(seconds)) / 60, 2) if seconds else None


def _sum(minutes: Iterable[float | None]) -> float | None:
    """All of them together, if there are any and each is known."""
    known = list(minutes)
    return None if not known or None in known else round(sum(m for m in known if m is not None), 2)


def _step(step: Step) -> dict[str, Any]:
    record = read_record(step)
    return {
        "id": step.id,
        "name": step.name,
        "command": step.command,
        "out": str(step.out),
        "log": str(step.log),
        "status": state(step, record),
        "seconds": record["seconds"] if record else None,
        "calls": record["calls"] if record else 0,
        "code": record["code"] if record else None,
        "said": failure(record) if record and record["code"] else None,
    }


def _lineage(folder: Path) -> dict[str, Any]:
    try:
        card = read_card(folder)
    except UserError:
        return {"folder": str(folder), "stage": None, "git": None, "complete": False, "parents": {}}
    return {"folder": str(folder), **{key: card.get(key) for key in ("stage", "git", "complete", "parents")}}


def table(results: Mapping[str, Any]) -> str:
    """Every arm at every budget, with what it cost and how many photos it is worth."""
    costs = {cost["arm"]: cost for cost in results["cost"]}
    worth = {(r["arm"], r["budget"]): r["text"] for r in results["replaced"] if r["metric"] == "AP"}
    lines = [["arm", "photos", "cells", "AP (95 %)", "AP50", "AP75", "worth, alone", "minutes from scratch"]]
    for p in results["points"]:
        budget = f"all ({p['photos_text']})" if p["budget"] == "all" and p["photos"] is not None else str(p["budget"])
        rest = ["missing" if p[m]["mean"] is None else f"{p[m]['mean']:.3f}" for m in ("AP50", "AP75")]
        text = worth.get((p["arm"], p["budget"]), "-")
        minutes = f"{costs[p['arm']]['total']:.1f}"
        count = f"{p['cells']}/{p['wanted']}"
        lines.append([p["arm"], budget, count, with_interval(p["AP"]), *rest, text, minutes])
    return aligned(lines)


def differences_table(results: Mapping[str, Any]) -> str:
    """The paired differences, a line each."""
    return aligned([["difference", "AP (95 %)"], *([d["question"], d["text"]] for d in results["differences"])])
