"""A training of a second without torch: what it measures is best at x = 0.3, and above x = 0.8 it diverges."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from coldstart import cli, lineage
from coldstart.errors import UserError
from coldstart.sweep.goal import Checked, Goal


@dataclass(frozen=True)
class Config:
    out: str
    x: float = 0.5
    kind: str = "plain"
    whole: int = 3
    seed: int = 0
    wait_for: str | None = None


def train(config: Config) -> None:
    out = Path(config.out)
    if lineage.claim(out, "toy", cli.plain(config)):
        return
    with (out / "begun.txt").open("a") as file:  # one line each time that it begins or goes on
        print(os.environ["OMP_NUM_THREADS"], file=file)
    while config.wait_for and not Path(config.wait_for).exists():
        time.sleep(0.02)
    if config.x > 0.8:
        raise UserError("step 3: a loss is not a finite number (loss nan) <b>")
    final = 1 - (config.x - 0.3) ** 2
    history = [{"step": step, "AP": final * step / 10} for step in (5, 10)]
    (out / "held_out.json").write_text(json.dumps({"best": history[-1], "history": history}))
    lineage.complete(out)


def check(config: Config) -> Checked:
    if config.kind == "nothing":
        raise UserError("kind: nothing is held out")
    return Checked({}, frozenset({f"{config.seed}_{i}.png" for i in range(3)}))


GOAL = Goal(
    measure="AP",
    direction="maximize",
    file="held_out.json",
    on="pictures",
    then="score {out}",
    touches=("seed",),
    check=check,
    value=lambda config, best: float(best["AP"]),
)

if __name__ == "__main__":
    cli.run(train, Config, "toy", "A toy.", GOAL)
