"""The paper's Table 2: regions found beside trained classifiers."""

import sys

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    sys.exit(main(table=2))
