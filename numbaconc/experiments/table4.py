"""The paper's Table 4: rectangles (ℓ∞) on Fashion-MNIST and SVHN."""

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    raise SystemExit(main(4))
