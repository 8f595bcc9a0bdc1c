"""Kinds of errors of a detector, and what mending each would gain: TIDE (Bolya et al. 2020, arXiv 2008.08115)."""

from dataclasses import dataclass, replace

import numpy as np

from detect.boxes import Bools, Floats, Ints, Pairs, overlaps
from detect.matching import Matches
from detect.precision import average_precision
from detect.scoring import Outcome

__all__ = ["KINDS", "Errors", "breakdown"]

FOREGROUND, BACKGROUND = 0.5, 0.1  # the paper's t_f and t_b
KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")


@dataclass(frozen=True)
class Errors:
    """`counts` of each of KINDS; `gains` in AP50 of mending one kind alone, all `false_alarms`, or all `not_found`.

    `classes`: how many of each kind, class by class (that of the detection; of the box for `missed`). None for gains
    where AP50 cannot be measured.
    """

    counts: dict[str, int]
    gains: dict[str, float | None]
    classes: dict[str, dict[str, int]]


@dataclass(frozen=True)
class _Blame:
    """For each of N detections its place in KINDS, -1 without error, and the label that it finds once mended, or -1."""

    kind: Ints
    label: Ints


def breakdown(result: Outcome) -> Errors:
    """Every false detection has one kind, by its overlap with the labels, in the order of the paper's code:

    localisation: 0.1 to 0.5 with a box of its class; classification: 0.5 or more with one of another class; duplicate:
    0.5 or more with one of its class that a better detection took; background: 0.1 at most with any; both: the rest.
    missed: boxes that were not found and that no mended classification or localisation finds. Mending sets the class
    or the box right for the best detection of each box not yet found, and takes the others of that kind away, as all
    those of the next three; boxes that are missed are no longer asked for. All detections count, whatever their score.
    """
    found, truth, matches = result.found, result.truth, result.matches.at(FOREGROUND)
    used = np.zeros(len(truth.image), dtype=bool)
    used[matches.box[0, matches.hit[0]]] = True
    false = ~matches.hit[0] & ~matches.ignored[0]
    pairs = overlaps(found, truth, BACKGROUND, any_class=True)
    kept = false[pairs.found] & ~truth.ignored[pairs.truth]
    pairs = Pairs(pairs.found[kept], pairs.truth[kept], pairs.iou[kept])
    own = found.category[pairs.found] == truth.category[pairs.truth]
    (iou_own, label_own), (iou_other, label_other), (iou_used, _) = (
        _best(pairs, some, len(false)) for some in (own, ~own, own & used[pairs.truth])
    )
    kind = np.select(
        [
            ~false,
            (iou_own >= BACKGROUND) & (iou_own < FOREGROUND),
            iou_other >= FOREGROUND,
            iou_used >= FOREGROUND,
            np.maximum(iou_own, iou_other) <= BACKGROUND,
        ],
        [-1, *map(KINDS.index, ("localisation", "classification", "duplicate", "background"))],
        KINDS.index("both"),
    )
    label = np.select(
        [kind == KINDS.index("localisation"), kind == KINDS.index("classification")], [label_own, label_other], -1
    )
    missed = ~truth.ignored & ~used
    missed[label[label >= 0]] = False
    blame = _Blame(kind, label)
    mended = {
        "classification": _mend(matches, blame, "classification", used, truth.category),
        "localisation": _mend(matches, blame, "localisation", used, truth.category),
        **{name: _without(matches, kind != KINDS.index(name)) for name in ("both", "duplicate", "background")},
        "missed": _fewer(matches, missed, truth.image, truth.category),
        "false_alarms": _without(matches, ~false),
        "not_found": _fewer(matches, ~truth.ignored & ~used, truth.image, truth.category),
    }
    before = _ap50(matches)
    per_class = {
        name: {
            **{other: int(((kind == i) & (found.category == k)).sum()) for i, other in enumerate(KINDS[:-1])},
            "missed": int((missed & (truth.category == k)).sum()),
        }
        for k, name in enumerate(matches.classes)
    }
    return Errors(
        {name: sum(row[name] for row in per_class.values()) for name in KINDS},
        {name: _gain(before, _ap50(after)) for name, after in mended.items()},
        per_class,
    )


def _best(pairs: Pairs, some: Bools, found: int) -> tuple[Floats, Ints]:
    """The largest overlap of each detection among `some` of the pairs (0 if there is none), and its label (-1)."""
    iou, label = np.zeros(found), np.full(found, -1, dtype=np.int64)
    order = np.flatnonzero(some)[np.argsort(pairs.iou[some], kind="stable")]
    iou[pairs.found[order]], label[pairs.found[order]] = pairs.iou[order], pairs.truth[order]  # the last one stays
    return iou, label


def _mend(matches: Matches, blame: _Blame, name: str, used: Bools, category: Ints) -> Matches:
    """The best detection of a kind for each box not yet found becomes right, the others of the kind go."""
    rows = np.flatnonzero(blame.kind == KINDS.index(name))
    rows_free = rows[~used[blame.label[rows]]]
    _, first = np.unique(blame.label[rows_free], return_index=True)  # detections are best first
    chosen = rows_free[first]
    box, classes = matches.box.copy(), matches.category.copy()
    box[0, chosen], classes[chosen] = blame.label[chosen], category[blame.label[chosen]]
    kept = np.ones(len(classes), dtype=bool)
    kept[np.setdiff1d(rows, chosen)] = False
    return _without(replace(matches, box=box, category=classes), kept)


def _without(matches: Matches, kept: Bools) -> Matches:
    return replace(
        matches,
        image=matches.image[kept],
        category=matches.category[kept],
        score=matches.score[kept],
        box=matches.box[:, kept],
        ignored=matches.ignored[:, kept],
    )


def _fewer(matches: Matches, gone: Bools, image: Ints, category: Ints) -> Matches:
    wanted = matches.wanted.copy()
    np.subtract.at(wanted, (image[gone], category[gone]), 1)
    return replace(matches, wanted=wanted)


def _ap50(matches: Matches) -> float:
    ap = average_precision(matches)[0, 0]
    return float(np.nanmean(ap)) if (~np.isnan(ap)).any() else np.nan


def _gain(before: float, after: float) -> float | None:
    """Not below 0, as in the paper's code: the steps of COCO's recalls may cost a little. With no box left: up to 1."""
    if np.isnan(before):
        return None
    return max(0.0, (1.0 if np.isnan(after) else after) - before)
