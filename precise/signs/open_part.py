"""Signs of a layer with dependent rows, from a row of the next one of which a part is open.

Where the surface of a next-layer row never crosses a neuron, that neuron's coefficient is open, and with it a multiple
of the neuron's own weights in the row's linear part. Across all of these the linear part tells the other neurons'
signs all the same: it is the sum of -v_j W_j over those on their negative side, up to what is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from random import Random

from flint import fmpq, fmpq_mat, fmpz_mat

from precise.equations.open_row import OpenRow
from precise.equations.partial_rows import kernel
from precise.regions.local_map import Row, passed_on
from precise.signs.exact import Sign
from precise.signs.linear_part import jointly


def signs_of_part(
    layer: Sequence[Row], part: OpenRow, random: Random, blurred: Set[int] = frozenset()
) -> Mapping[int, Sign]:
    """The signs that a row tells which is known up to some combinations.

    Args:
        layer: the neurons, none of which is missing.
        part: coefficients of the neurons, then of the layer's inputs.
        blurred: inputs that some neuron lacks the weight of; the part's coefficients there tell nothing.

    Returns:
        One sign a neuron that acts on the row for certain; nothing if the signs are not unique, or none explains it.
    """
    count = len(layer)
    touched = [j for j in range(count) if any(other.plus[j] for other in part.open)]
    told = [j for j in range(count) if j not in touched and part.row.plus[j]]
    inputs = passed_on(len(layer[0].plus))
    open_directions = (*(other.plus[count:] for other in part.open), *(layer[j].plus for j in touched))
    open_directions += tuple(inputs[p].plus for p in blurred)
    across = kernel(open_directions) if open_directions else [row.plus for row in inputs]
    if not told or not across:
        return {}
    turned = fmpz_mat([list(direction) for direction in across]).transpose()
    weights = fmpq_mat(fmpz_mat([list(layer[j].plus) for j in told]) * turned).tolist()
    linear = fmpq_mat(fmpz_mat([list(part.row.plus[count:])]) * turned).tolist()
    values = [[fmpq(part.row.plus[j]) for j in told]]
    signs = jointly(weights, values, linear, [[fmpq(1)]], random)
    return dict(zip(told, signs, strict=True)) if signs else {}
