"""One step of a study as a job of a launcher; `python -m coldstart launcher=…` calls it, nobody else needs to.

python -m coldstart.study.step --multirun hydra/launcher=submitit_local steps=steps.json step=ID,ID
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coldstart import cli
from coldstart.errors import UserError
from coldstart.study.making import Children, make
from coldstart.study.steps import Step

__all__ = ["StepConfig", "plain", "run_step"]


@dataclass(frozen=True)
class StepConfig:
    """See conf/study_step.yaml."""

    steps: str
    step: str


def plain(step: Step) -> dict[str, Any]:
    """A step as JSON."""
    return {**asdict(step), "out": str(step.out)}


def run_step(config: StepConfig) -> None:
    """Make one step. That it failed is in its record, so that the other jobs go on.

    Raises:
        UserError: there is no such step.
    """
    try:
        kept = json.loads(Path(config.steps).read_text(encoding="utf-8"))[config.step]
        step = Step(**{**kept, "out": Path(kept["out"]), **{key: tuple(kept[key]) for key in ("overrides", "needs")}})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{config.steps}: holds no step {config.step} ({error!r})") from None
    make(step, Children())


if __name__ == "__main__":
    cli.run(run_step, StepConfig, "study_step", __doc__)
