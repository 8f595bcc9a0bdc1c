"""What the three stages share: the dataset folder, lineage, tracking, the command line, the study and its report."""

__version__ = "0.1.0"
