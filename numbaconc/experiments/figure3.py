"""The paper's Figure 3: adversarial risk against T."""

from numbaconc.experiments.figures import main

if __name__ == "__main__":
    raise SystemExit(main(3))
