"""From which score on a detection should be believed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from coldstart.errors import UserError
from detect.boxes import Floats
from detect.matching import Matches

__all__ = ["Operation", "ThresholdConfig", "check_score", "operation", "operations", "suggest", "suggested_score"]


@dataclass(frozen=True)
class ThresholdConfig:
    """What the suggested score aims at: best F1, unless one of the others is given."""

    recall: float | None = None
    false_alarms: float | None = None

    def __post_init__(self) -> None:
        if self.recall is not None and self.false_alarms is not None:
            raise UserError("recall and false_alarms exclude each other; give one of them")
        if self.recall is not None and not 0 < self.recall <= 1:
            raise UserError(f"recall: {self.recall} is not above 0 and at most 1")
        if self.false_alarms is not None and self.false_alarms < 0:
            raise UserError(f"false_alarms: {self.false_alarms} per photo is below 0")

    @property
    def aim(self) -> str:
        """In words."""
        if self.recall is not None:
            return f"recall of at least {self.recall:g}"
        return "best F1" if self.false_alarms is None else f"at most {self.false_alarms:g} false alarms per photo"


@dataclass(frozen=True)
class Operation:
    """What detections with at least `score` are worth, over all classes, by COCO's rule at IoU 0.5.

    `precision`: share of them that is right; `recall`: share of the boxes found; `f1`: their harmonic mean; None
    where there is none to share. `false_alarms`: per photo.
    """

    score: float
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarms: float


@dataclass(frozen=True)
class Operations:
    """The same for P scores, falling, as arrays; `score` lies halfway to the next weaker detection."""

    score: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    false_alarms: Floats


def operations(matches: Matches) -> Operations:
    """For every score that tells two detections apart."""
    at = matches.at(0.5)
    counted = ~at.ignored[0]
    score, right = at.score[counted], np.cumsum(at.hit[0, counted])
    last = np.flatnonzero(np.append(np.diff(score) < 0, True)) if len(score) else np.empty(0, dtype=int)
    wanted, seen = int(at.wanted.sum()), last + 1
    lower = np.append(score[last[:-1] + 1], 0) if len(score) else score
    return Operations(
        (score[last] + lower) / 2,
        right[last] / seen,
        right[last] / max(wanted, 1),
        2 * right[last] / (seen + wanted) if wanted else np.zeros(len(last)),
        (seen - right[last]) / len(at.images),
    )


def operation(matches: Matches, score: float) -> Operation:
    """At one score."""
    at = matches.at(0.5)
    shown = (at.score >= score) & ~at.ignored[0]
    right, seen, wanted = int(at.hit[0, shown].sum()), int(shown.sum()), int(at.wanted.sum())
    return Operation(
        score,
        right / seen if seen else None,
        right / wanted if wanted else None,
        2 * right / (seen + wanted) if wanted else None,
        (seen - right) / len(at.images),
    )


def suggest(matches: Matches, config: ThresholdConfig) -> dict[str, object] | None:
    """An Operation at the score that comes up to the aim; `aim` says it in words, `reached` whether it does.

    Best F1, or the highest score with the wanted recall, or the lowest that keeps to the wanted false alarms. Where
    a recall is out of reach, the lowest score. None if nothing was found or asked for.
    """
    all_of_them = operations(matches)
    if not len(all_of_them.score) or not matches.wanted.any():
        return None
    if config.recall is not None:
        able = all_of_them.recall >= config.recall
        chosen = int(able.argmax()) if able.any() else len(able) - 1
    elif config.false_alarms is not None:
        able = all_of_them.false_alarms <= config.false_alarms
        chosen = max(0, int(able.sum()) - 1)
    else:
        able = np.ones(1, dtype=bool)
        chosen = int(all_of_them.f1.argmax())
    return {
        "aim": config.aim,
        "reached": bool(able.any()),
        **asdict(operation(matches, float(all_of_them.score[chosen]))),
    }


def check_score(score: float, key: str = "score") -> None:
    """Refuse the config key `key` outside [0, 1]."""
    if not 0 <= score <= 1:
        raise UserError(f"{key}: {score} is not between 0 and 1")


def suggested_score(folder: str) -> float:
    """The score that an earlier detect.evaluate, on validation photos, suggests.

    Raises:
        UserError: `folder` holds no such results.
    """
    file = Path(folder) / "results.json"
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["suggested"]["score"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"score_from: {file} suggests no score; give the out folder of a detect.evaluate on validation photos"
        ) from None
