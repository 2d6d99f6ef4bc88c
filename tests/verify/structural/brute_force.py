"""Equality of tiny networks by brute force: every joint activation pattern, every feasibility question by hand.

Standard-library fractions and Fourier-Motzkin elimination; shares nothing with the package's ways of deciding.
"""

from fractions import Fraction

from precise.arithmetic import to_fraction


def differ(first, second):
    """Whether some input tells two networks apart, decided region by region."""
    inputs = first.input_width
    rows = [[Fraction(0), *(Fraction(i == j) for j in range(inputs))] for i in range(inputs)]
    return any(
        feasible([*region, (difference, True)], inputs)
        for region, ours in regions(first, rows)
        for region, theirs in regions(second, rows, region)
        for a, b in zip(ours, theirs)
        for difference in (minus(a, b), minus(b, a))
    )


def regions(network, rows, region=(), number=1):
    """(half-spaces, rows of the outputs) of every nonempty activation pattern; rows are (constant, weights)."""
    layer = network.layers[number - 1]
    before = [[to_fraction(v) for v in (bias, *row)] for row, bias in zip(layer.weights, layer.biases)]
    values = [combined(row, rows) for row in before]
    if number == len(network.layers):
        yield list(region), values
        return
    for patterned, active in patterns(values, list(region), len(rows[0]) - 1):
        yield from regions(network, [v if on else [0] * len(v) for v, on in zip(values, active)], patterned, number + 1)


def patterns(values, region, inputs):
    """(half-spaces, active or not for every value) wherever there is a point."""
    if not values:
        yield region, []
        return
    value, *others = values
    for active in (True, False):
        # strictly positive or not: the regions tile the space
        narrowed = [*region, (value, True) if active else (minus([0] * len(value), value), False)]
        if feasible(narrowed, inputs):
            for found, rest in patterns(others, narrowed, inputs):
                yield found, [active, *rest]


def feasible(constraints, inputs):
    """Whether a point has constant + weights . x > 0 (strict) or >= 0 for every (row, strict)."""
    for variable in range(inputs, 0, -1):
        free = [c for c in constraints if not c[0][variable]]
        above = [c for c in constraints if c[0][variable] > 0]
        below = [c for c in constraints if c[0][variable] < 0]
        joined = [
            ([u * -m[variable] + v * p[variable] for u, v in zip(p, m)], s or t) for p, s in above for m, t in below
        ]
        constraints = list({(tuple(normal(row)), strict): None for row, strict in free + joined})
    return all(row[0] > 0 or (not strict and row[0] == 0) for row, strict in constraints)


def normal(row):
    largest = max(map(abs, row))
    return [value / largest for value in row] if largest else row


def minus(row, other):
    return [a - b for a, b in zip(row, other)]


def combined(row, rows):
    """The affine function bias + sum of weight * row."""
    found = [row[0], *[Fraction(0)] * (len(rows[0]) - 1)]
    for weight, other in zip(row[1:], rows):
        found = [a + weight * b for a, b in zip(found, other)]
    return found
