"""The paper's Table 1: rectangles (ℓ∞) on MNIST and CIFAR-10."""

import sys

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    sys.exit(main(table=1))
