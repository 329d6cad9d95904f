"""The paper's Table 2: regions found beside trained classifiers."""

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    raise SystemExit(main(2))
