"""The command line: `numbaconc measure | labels | sweep | show | plot | report | data | completion`."""

from numbaconc.cli.main import main

__all__ = ["main"]
