"""The paper's Figure 3: adversarial risk against T."""

import sys

from numbaconc.experiments.figures import main

if __name__ == "__main__":
    sys.exit(main(figure=3))
