"""Label safety after translation: is every object still there, where it was, and what it was?"""

from gan.audit.verdicts import FAILED, ImageAudit, Limits, ObjectAudit, audit_folder

__all__ = ["FAILED", "ImageAudit", "Limits", "ObjectAudit", "audit_folder"]
