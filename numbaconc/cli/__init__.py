"""The command line: `numbaconc measure | sweep | show | data`."""

from numbaconc.cli.main import main

__all__ = ["main"]
