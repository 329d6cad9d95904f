"""The paper's Table 5: balls (ℓ2) on all data sets."""

import sys

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    sys.exit(main(table=5))
