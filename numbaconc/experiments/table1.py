"""The paper's Table 1: rectangles (ℓ∞) on MNIST and CIFAR-10."""

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    raise SystemExit(main(1))
