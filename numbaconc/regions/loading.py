"""Reading regions that were saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from numbaconc.data.space import Space
from numbaconc.errors import InputError, said, shown
from numbaconc.regions.base import Region
from numbaconc.regions.told import Source


def load_region(path: str | Path) -> Region:
    """Read a region that `save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Region

    Raises
    ------
    InputError
        If the file is missing or is not a region.
    """
    import xarray as xr  # slow to import, as what is made of it

    from numbaconc.data.formats import netcdf

    ds = netcdf.read(path, "region", allowed := "a netCDF file that a region's save wrote")
    family = ds.attrs.get("region")
    try:
        if not isinstance(family, str) or family not in Region.families:
            msg = f"its family is {shown(family)}"
            raise InputError(msg)
        region = Region.families[family]._from_variables(ds)
        region.in_space(Space.from_attributes(ds.attrs, region.n_features)).found_by(Source.from_attributes(ds.attrs))
        saved = xr.Dataset(region._variables()).variables
        for name, held in ds.variables.items():
            known = name in saved and held.dims == saved[name].dims
            if not known or not np.can_cast(held.dtype, saved[name].dtype, "same_kind"):
                msg = f"its variable {name} has dimensions {held.dims} and dtype {held.dtype}"
                raise InputError(msg)
    except Exception as error:  # a variable is missing, or is not as the family has it
        why = error if isinstance(error, InputError) else said(error)
        msg = f"region {str(path)!r} cannot be read: {why}; allowed: {allowed}"
        raise InputError(msg) from error
    return region
