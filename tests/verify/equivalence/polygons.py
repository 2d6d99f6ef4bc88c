"""Two small networks of two inputs, exactly: their common linear pieces on a polygon, cut out with fractions.

Sutherland-Hodgman clipping with standard-library fractions; shares nothing with the package's ways of deciding.
A polygon may have shrunk to a segment or a point: its corners are then repeated, which does no harm.
"""

from fractions import Fraction

from precise.arithmetic import rational, to_fraction


def pieces(first, second, polygon):
    """(corners, f's affine outputs, g's) of every piece; rows are (constant, weight of x, weight of y)."""
    plane = [[Fraction(0), Fraction(1), Fraction(0)], [Fraction(0), Fraction(0), Fraction(1)]]
    for corners, ours in _pieces(first, polygon, plane, 0):
        for smaller, theirs in _pieces(second, corners, plane, 0):
            yield smaller, ours, theirs


def largest_differences(first, second, polygon):
    """The maximum of |g - f| per output on a polygon."""
    found = [Fraction(0)] * first.output_width
    for corners, ours, theirs in pieces(first, second, polygon):
        gaps = [[v - u for u, v in zip(a, b)] for a, b in zip(ours, theirs)]
        found = [max(most, *(abs(value(gap, corner)) for corner in corners)) for most, gap in zip(found, gaps)]
    return found


def top1_differs(first, second, polygon, margin):
    """Whether some point has f ahead for one output by the margin (and at all), and g behind with that output."""
    for corners, ours, theirs in pieces(first, second, polygon):
        for i, leader in enumerate(ours):
            others = [k for k in range(len(ours)) if k != i]
            ahead = corners
            for k in others:
                lead = minus(leader, ours[k])
                ahead = clipped(ahead, [lead[0] - margin, *lead[1:]])
            if not ahead:
                continue
            # margin 0: the lead must be positive somewhere, and then it is so next to every point
            inner = [sum(c) / len(ahead) for c in zip(*ahead)]
            if min(value(minus(leader, ours[k]), inner) for k in others) <= 0:
                continue
            if any(value(minus(theirs[k], theirs[i]), corner) > 0 for k in others for corner in ahead):
                return True
    return False


def rectangle(lower, upper):
    """The corners of a box in the plane."""
    (a, b), (c, d) = [to_fraction(rational(v)) for v in lower], [to_fraction(rational(v)) for v in upper]
    return [(a, b), (c, b), (c, d), (a, d)]


def clipped(corners, row):
    """The part of a convex polygon where an affine function is at least 0; [] if there is none."""
    kept = []
    for here, there in zip(corners, corners[1:] + corners[:1]):
        at, after = value(row, here), value(row, there)
        if at >= 0:
            kept.append(here)
        if at * after < 0:
            share = at / (at - after)
            kept.append(tuple(p + share * (q - p) for p, q in zip(here, there)))
    return kept


def value(row, point):
    return row[0] + row[1] * point[0] + row[2] * point[1]


def minus(row, other):
    return [a - b for a, b in zip(row, other)]


def _pieces(network, corners, rows, number):
    layer = network.layers[number]
    values = [
        [
            sum((to_fraction(w) * row[n] for w, row in zip(weights, rows)), to_fraction(bias) if n == 0 else 0)
            for n in range(3)
        ]
        for weights, bias in zip(layer.weights, layer.biases)
    ]
    if number == len(network.layers) - 1:
        yield corners, values
        return
    for smaller, states in _patterns(values, corners):
        yield from _pieces(network, smaller, states, number + 1)


def _patterns(values, corners):
    """(corners, states after the ReLU) of every activation pattern with a point."""
    if not values:
        yield corners, []
        return
    row, *others = values
    for state, side in ((row, row), ([Fraction(0)] * 3, [-v for v in row])):
        smaller = clipped(corners, side)
        if smaller:
            for found, rest in _patterns(others, smaller):
                yield found, [state, *rest]
