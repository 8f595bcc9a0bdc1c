"""The answer in words, claiming no more than the intervals carry."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coldstart.study.answer import signed

__all__ = ["sentences", "with_interval"]

USEFUL = 0.05  # AP below which arms differ by how little they have learnt


def sentences(results: Mapping[str, Any]) -> list[str]:
    """Sentence by sentence, from what results.json holds."""
    scored = [p for p in results["points"] if p["AP"]["mean"] is not None]
    if not scored:
        return ["No verdict: no arm has been scored on every fold."]
    said = [_setting(results)]
    best = max(p["AP"]["mean"] for p in scored)
    if best < USEFUL:
        return [*said, f"Every arm is still close to nothing (highest AP {best:.3f}); train longer before comparing."]
    said += [*_scene(results), *_without_labels(results, scored), *_photos_alone(results, scored)]
    said += [_compared(d) for d in _told(results)]
    if missing := [cell for cell in results["cells"] if cell["status"] != "done"]:
        said.append(f"{len(missing)} of {len(results['cells'])} cells are missing; what they would say is left out.")
    revisions = {folder["git"] for folder in results["lineage"] if folder["complete"]}
    if len(revisions) > 1:
        said.append(f"{len(revisions)} revisions of the code made its steps; arms may differ by that as well.")
    return said


def with_interval(values: Mapping[str, Any]) -> str:
    """A mean with its interval: `0.660 (0.640 to 0.690)`."""
    if values["mean"] is None:
        return "missing"
    bounds = values["interval"]
    return f"{values['mean']:.3f}" + (f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else "")


def _setting(results: Mapping[str, Any]) -> str:
    folds, seeds = results["folds"], results["setting"]["seeds"]
    images, boxes = (_total([fold["test"][key] for fold in folds]) for key in ("images", "boxes"))
    simulated = results["setting"]["real"]["kind"] == "simulated_camera"
    what = "images of a simulated camera, which say nothing about real photos" if simulated else "test photos"
    divided = f" in {len(folds)} folds" if len(folds) > 1 else ""
    count = (
        f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed, and what another would change is not in the intervals"
    )
    return f"On {images} {what}{divided} ({boxes} boxes), {count}."


def _scene(results: Mapping[str, Any]) -> Iterator[str]:
    setting = results["setting"]
    if setting["renders"]:
        yield (
            f"The {setting['renders']} renders are of scene {setting['scene']} in look {setting['look']}: "
            "places that these do not resemble may score otherwise."
        )


def _total(counts: Sequence[int | None]) -> str:
    return "an unknown number of" if None in counts else str(sum(count or 0 for count in counts))


def _without_labels(results: Mapping[str, Any], scored: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    titles = {arm["name"]: arm["title"] for arm in results["arms"]}
    for p in (p for p in scored if p["budget"] == 0):
        worth = next(
            (r for r in results["replaced"] if (r["arm"], r["budget"], r["metric"]) == (p["arm"], 0, "AP")), None
        )
        as_good = f", worth {worth['text']} alone" if worth else ""
        yield f"Without any labelled photo, {titles[p['arm']]} reach AP {with_interval(p['AP'])}{as_good}."


def _photos_alone(results: Mapping[str, Any], scored: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    alone = results["curve"] and results["curve"]["arm"]
    if points := [p for p in scored if p["arm"] == alone]:
        most = max(points, key=lambda p: p["photos"])
        which = "All" if most["budget"] == "all" else "The"
        of = " of a fold" if len(results["folds"]) > 1 else ""
        yield f"{which} {most['photos_text']} labelled photos{of} alone reach AP {with_interval(most['AP'])}."


def _told(results: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The differences worth a sentence; the others are in the table."""
    by_kind = {
        kind: [d for d in results["differences"] if d["kind"] == kind]
        for kind in ("translated", "taught", "added", "saved")
    }
    either = [*by_kind["translated"], *by_kind["taught"]]
    yield from (d for d in either if d["b"]["budget"] in (0, results["setting"]["budgets"][-1]))
    last = {d["b"]["arm"]: d for d in by_kind["added"]}  # budgets come in rising order
    yield from last.values()
    fewest: dict[str, Mapping[str, Any]] = {}
    for d in by_kind["saved"]:
        if d["b"]["budget"] != 0 and d["says"] == "better":
            fewest.setdefault(d["b"]["arm"], d)
    yield from fewest.values()


def _compared(d: Mapping[str, Any]) -> str:
    with_seed = f" with seed {d['seeds'][0]} (another may differ)" if len(d["seeds"]) == 1 else ""
    says = "these photos cannot tell" if d["says"] == "cannot tell" else f"{d['says']}{with_seed}"
    return f"{d['question']}: {signed(d['AP'])} AP, {says}."
