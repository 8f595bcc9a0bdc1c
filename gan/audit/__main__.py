"""Label safety after translation: is every object still there, where it was, and what it was?

    python -m gan.audit translated=outputs/translated out=outputs/audit
    python -m gan.audit translated=outputs/truth source=outputs/renders out=outputs/audit
    python -m gan.audit translated=outputs/translated detector_checkpoint=outputs/detector.safetensors out=outputs/audit

Prints the retained share by class, size and visible fraction, and writes audit.json (a verdict and scores for every
object and image) and audit.html (the worst cases, render and translation side by side). docs/audit.md
says how it judges.
"""

from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from coldstart import cli, dataset, lineage, tracking
from coldstart.errors import UserError
from gan.audit import report
from gan.audit.detector import testify
from gan.audit.verdicts import VERDICTS, Limits, audit_folder, source_paths

__all__ = ["AuditConfig", "audit"]


@dataclass(frozen=True)
class AuditConfig:
    """See conf/gan_audit.yaml."""

    translated: str = MISSING
    source: str | None = None
    detector_checkpoint: str | None = None
    out: str = MISSING
    worst: int = 24
    limits: Limits = field(default_factory=Limits)
    detector_score: float = 0.5
    detector_doubt: float = 0.1
    accelerator: str = "auto"
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        if self.worst < 0:
            raise UserError(f"worst: must not be negative, got {self.worst}")
        if not 0 <= self.detector_doubt <= self.detector_score <= 1:
            raise UserError(
                f"detector_doubt and detector_score must satisfy 0 ≤ doubt ≤ score ≤ 1, "
                f"got {self.detector_doubt} and {self.detector_score}"
            )


def audit(config: AuditConfig) -> None:
    """Audit `config.translated` and write the findings to `config.out`.

    Raises:
        UserError: bad config or input, or `out` holding another config's data.
    """
    folder, out = dataset.load(config.translated), Path(config.out)
    sources = source_paths(folder, config.source)
    if config.detector_checkpoint is not None and not Path(config.detector_checkpoint).is_file():
        raise UserError(f"detector_checkpoint: {config.detector_checkpoint}: no such file; give a detector.safetensors")
    parents = {"translated": config.translated}
    parents |= {
        name: path
        for name, path in (("source", config.source), ("detector_checkpoint", config.detector_checkpoint))
        if path
    }
    if lineage.claim(out, "gan.audit", cli.plain(config), parents=parents):
        print(f"{out / 'audit.json'}: already there")
        return
    try:
        audits = audit_folder(folder, sources, config.limits)
        if config.detector_checkpoint is not None:
            scores = config.detector_score, config.detector_doubt
            testify(audits, folder, config.detector_checkpoint, out, scores=scores, device=config.accelerator)
    except UserError:
        lineage.withdraw(out)
        raise
    with tracking.start(config.logger, "gan.audit", cli.plain(config), out) as run:
        found = report.totals(audits, folder)
        rows = {"images": report.per_image(audits), "objects": report.per_object(audits, folder)}
        dataset.write_json(out / "audit.json", {"totals": found, **rows})
        dataset.write_atomic(out / "audit.html", report.page(audits, folder, found, config.worst).encode())
        run.summary({verdict: found["all"][verdict] for verdict in VERDICTS})
        run.summary({"retained_share": found["all"]["retained_share"], "failed_images": found["failed_images"]})
    lineage.complete(out)
    print(report.table(found))
    print(f"{(out / 'audit.html').resolve()}: the worst cases")


if __name__ == "__main__":
    cli.run(audit, AuditConfig, "gan_audit", __doc__)
