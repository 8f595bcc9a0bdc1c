"""Run a whole study: render, translate, train a detector on each mix of data, score all on the same images, report.

    python -m coldstart experiment=demo
    python -m coldstart experiment=demo_real target.data=DIR

Each step runs as the command it prints. Everything goes to out=, with report.html and results.json on top; after a stop
the same command goes on where it was.
"""

import shlex
import signal
import sys
from pathlib import Path

from coldstart import cli, lineage, report, results, tracking
from coldstart.runner import StepFailed, run_steps
from coldstart.study import StudyConfig, check_commands, check_photos, steps

__all__ = ["study"]


def study(config: StudyConfig) -> None:
    """Run what is left to do of the study, write its report and print the table."""
    planned = steps(config, _config_dir())
    check_photos(config)
    check_commands(planned)
    out, settings = Path(config.out), cli.plain(config)
    photos = {"photos": config.target.data} if config.target.data else {}
    known = lineage.claim(out, "study", settings, photos, extends=("arms", "evaluate_all"))
    # SIGTERM ends the running step too: it becomes an exception that the runner cleans up after.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        records = run_steps(planned, out)
    except StepFailed as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    numbers = results.collect(config, planned, records)
    page = report.write(config, numbers, shlex.join(["python", "-m", "coldstart", *sys.argv[1:]]))
    if not known:
        with tracking.start(config.logger, "study", settings, out) as run:
            run.summary({f"{r['arm']}/{r['scored_on']}/{m}": r[m] for r in numbers["rows"] for m in results.METRICS})
            run.summary({"seconds": numbers["seconds"], "verdict": numbers["verdict"]})
            for name, files in report.picture_files(config).items():
                run.images(name, files)
        lineage.complete(out)
    print(f"\n{results.table(numbers)}\n\n{numbers['verdict']}\nreport: {page.resolve()}")


def _config_dir() -> str | None:
    """The user's own conf folder (--config-dir), so that the steps find what it holds too."""
    from hydra.core.hydra_config import HydraConfig

    sources = HydraConfig.get().runtime.config_sources
    return next((source.path for source in sources if source.provider == "command-line"), None)


if __name__ == "__main__":
    cli.run(study, StudyConfig, "coldstart", __doc__)
