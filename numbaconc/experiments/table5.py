"""The paper's Table 5: balls (ℓ2) on all data sets."""

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    raise SystemExit(main(5))
