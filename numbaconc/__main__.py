"""`python -m numbaconc` is `numbaconc`."""

import sys

from numbaconc.cli import main

sys.exit(main())
