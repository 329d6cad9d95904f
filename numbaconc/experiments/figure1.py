"""The paper's Figure 1: risks against q, and against T."""

from numbaconc.experiments.figures import main

if __name__ == "__main__":
    raise SystemExit(main(1))
