"""Images with the labels that many people gave them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from numbaconc.data.annotations import label_uncertainty
from numbaconc.data.formats.npy import read_array
from numbaconc.data.published import readers
from numbaconc.errors import InputError, reading


def people_disagree(contents: bytes, where: str, y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Parse an .npy file of how many people gave each label, as votes or shares, and return the label uncertainty.

    Parameters
    ----------
    contents : bytes
        Of the file: an array (n, 10).
    where : str
        What messages call the file.
    y : ndarray, shape (n,), int64
        The labels.

    Returns
    -------
    ndarray, shape (n,), float64

    Raises
    ------
    InputError
        If the contents are no such array.
    """
    with reading(where, "an .npy file"):
        shares = read_array(io.BytesIO(contents), len(contents))
    if shares.shape != (shape := (len(y), readers.CLASSES)):
        msg = f"file {where} has an array of shape {shares.shape}; allowed: {shape}, shares of labels"
        raise InputError(msg)
    try:
        return label_uncertainty(shares, y)
    except InputError as error:
        msg = f"file {where} holds no shares of labels: {error}"
        raise InputError(msg) from error
