"""The paper's tables and figures, and what goes beyond them, each a command: `python -m numbaconc.experiments.table1`."""
