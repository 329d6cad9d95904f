"""numbaconc: how concentrated a data set is, and how much robustness concentration does not rule out.

The public names are those of the stub beside this file; each is imported when it is first asked for.
"""

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("numbaconc")
