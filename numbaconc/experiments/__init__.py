"""The paper's tables, each a command: `python -m numbaconc.experiments.table1`, and so on."""
