"""The paper's Table 4: rectangles (ℓ∞) on Fashion-MNIST and SVHN."""

import sys

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    sys.exit(main(table=4))
