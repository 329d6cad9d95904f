"""The paper's Figure 1: risks against q, and against T."""

import sys

from numbaconc.experiments.figures import main

if __name__ == "__main__":
    sys.exit(main(figure=1))
