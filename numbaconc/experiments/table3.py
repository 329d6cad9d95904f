"""The paper's Table 3: balls and Gilmer's hyperplane (ℓ2) on MNIST and CIFAR-10."""

from numbaconc.experiments.tables import main

if __name__ == "__main__":
    raise SystemExit(main(3))
