"""The paper's Figure 2: risks against q for every row of Tables 1 and 4."""

from numbaconc.experiments.figures import main

if __name__ == "__main__":
    raise SystemExit(main(2))
