"""Run a whole study: what is synthetic data worth, in labelled photos? (docs/study.md)

    python -m coldstart experiment=demo
    python -m coldstart experiment=fridge_a_quick real.data=DIR
    python -m coldstart experiment=fridge_a_quick real.data=DIR real.test=DIR

Renders, translators and one detector for every arm × budget of labelled photos × fold × seed, each made by the command
that the report prints, each once. Everything goes to out=, with report.html and results.json on top; after a stop or a
change the same command makes what is missing.
"""

import errno
import json
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from coldstart import cli, tracking
from coldstart.dataset import write_json
from coldstart.overrides import user_conf
from coldstart.study import launching, results, running
from coldstart.study.classes import check_classes
from coldstart.study.config import StudyConfig
from coldstart.study.plan import Plan, check_photos, plan
from coldstart.study.steps import Step

__all__ = ["study"]


def study(config: StudyConfig) -> None:
    """Make what is missing of the study, write its report and print the answer; exit with 1 if something is missing.

    Raises:
        UserError: bad input, found before anything is made.
    """
    from hydra.core.hydra_config import HydraConfig

    check_photos(config)
    planned = plan(config, user_conf(HydraConfig.get()))
    notes = check_classes(planned.rendered, config.real)
    call = shlex.join(["python", "-m", "coldstart", *sys.argv[1:]])
    print("\n".join([_overview(config, planned), *notes]), flush=True)
    # SIGTERM ends the running steps too: it becomes an exception that the runner cleans up after.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    scored = {cell.score.id: cell for cell in planned.cells}

    def finished(step: Step) -> str:
        ap = results.read_scores(step)["AP"] if step.id in scored else None
        return "" if ap is None else f"AP {ap:.3f}"

    try:
        if config.launcher == "local":
            running.run(planned.steps, config.parallel, finished)
        else:
            launching.run(planned.steps, config, finished)
        missing = _report(config, planned, call)
    except (KeyboardInterrupt, SystemExit) as stop:
        _say_stopped(planned, call, "interrupted")
        sys.exit(130 if isinstance(stop, KeyboardInterrupt) else stop.code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _say_stopped(planned, call, "the disk is full; make room")
        sys.exit(1)
    if missing:
        print(f"\n{missing}\nput it right and go on with: {call}", file=sys.stderr)
        sys.exit(1)


def _overview(config: StudyConfig, planned: Plan) -> str:
    skipped = [str(budget) for budget in config.budgets if budget not in planned.budgets]
    counts = [
        f"{len(config.chosen)} arms",
        f"budgets {', '.join(map(str, planned.budgets))}",
        f"{len(planned.folds)} fold{'s' if len(planned.folds) > 1 else ''}",
        f"{len(config.seeds)} seed{'s' if len(config.seeds) > 1 else ''}",
    ]
    less = f"; left out, since there are not more photos: {', '.join(skipped)}" if skipped else ""
    return f"{config.name}: {len(planned.cells)} cells ({'; '.join(counts)}{less})"


def _report(config: StudyConfig, planned: Plan, call: str) -> str:
    """Write results.json and the page, print the answer; return what is missing, in words."""
    from coldstart import report  # takes seconds, which bad input should not wait for

    out = Path(config.out)
    found = results.collect(config, planned, call)
    file = out / "results.json"
    known = _read(file)
    write_json(file, found)
    page = report.write(out, found)
    steps = [step for step in found["steps"] if step["status"] != "done"]
    if not steps and known != json.loads(json.dumps(found)):
        _log(config, found)
    print(f"\n{results.table(found)}")
    if found["differences"]:
        print(f"\n{results.differences_table(found)}")
    print("\n" + "\n".join(found["sentences"]))
    if best := found["best"]:
        print(f"\nuse one of the highest mean: python -m detect.predict checkpoint={best['checkpoint']} images=DIR")
    print(f"\nresults: {file.resolve()}\nreport: {page.resolve()}")
    if not steps:
        return ""
    failed = [f"{step['name']} {step['said']} ({step['log']})" for step in steps if step["status"] == "failed"]
    cells = sum(cell["status"] != "done" for cell in found["cells"])
    head = f"error: {len(steps)} of {len(found['steps'])} steps are missing, so {cells} of {len(found['cells'])} cells"
    return "\n".join([head, *failed])


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _log(config: StudyConfig, found: dict[str, Any]) -> None:
    """The study as a run of its own, beside those of its steps."""
    with tracking.start(config.logger, "study", cli.plain(config), Path(config.out)) as run:
        run.summary({"seconds": found["seconds"], "verdict": found["verdict"]})
        run.summary({f"{p['arm']}/{p['budget']}/{m}": p[m]["mean"] for p in found["points"] for m in results.METRICS})


def _say_stopped(planned: Plan, call: str, why: str) -> None:
    missing = [step for step in planned.steps if running.state(step, None) != "done"]
    begun = f", at '{missing[0].name}'" if missing else ""
    made = len(planned.steps) - len(missing)
    print(f"{why}: {made} of {len(planned.steps)} steps are made{begun}; go on with: {call}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(study, StudyConfig, "coldstart", __doc__)
