"""The oracle that `--oracle` names beside a recovered network: a network's file, or a function of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from precise.errors import InputError
from precise.formats import load_network

if TYPE_CHECKING:
    from precise.network import Network
    from precise.oracle import Oracle

DEFAULT_PRECISION = "exact"


def oracle_from(reference: str, precision: str | None, recovered: Network, budget: int | None = None) -> Oracle:
    """The oracle that a file or `module:function` names; a function has the recovered network's inputs and outputs.

    Args:
        reference: a network's file, which only the oracle reads, or `module:function`.
        precision: how it answers, such as exact, bits:53 or float64; of a function exact or bits:P.
        recovered: the network that is compared with it.
        budget: the most points that may be asked.

    Raises:
        InputError: there is no such file, function or precision.
    """
    from precise.oracle import FunctionOracle, load_function
    from precise.oracles.select import oracle_of

    if Path(reference).exists() or ":" not in reference:
        return oracle_of(load_network(Path(reference)), precision or DEFAULT_PRECISION, budget)
    bits = re.fullmatch(r"bits:([0-9]{1,7})", precision or "")
    if bits is None and precision not in (None, "exact"):
        raise InputError(f"--oracle-precision {precision}: expected exact or bits:P for a function of one's own")
    function = load_function(reference)
    promised = None if bits is None else int(bits[1])
    name = f"the oracle {reference}"
    return FunctionOracle(function, recovered.input_width, recovered.output_width, promised, budget, name)
