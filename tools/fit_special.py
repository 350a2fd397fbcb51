"""Print the coefficients of csrc/special.h: Chebyshev fits of special functions, and Temme's series. Needs mpmath.

A fit interpolates at Chebyshev nodes with 60 digits, so that its error is little above the best there is; it is cut off
where what follows adds up to less than 2^-56 of the function's largest value.
"""

from fractions import Fraction

from mpmath import mp, mpf

mp.dps = 60
MOST = 48


def fit(function, most=MOST):
    """c with function(t) = sum of c[k] T_k(t) on [-1, 1]."""
    nodes = [mp.cos(mp.pi * (j + mpf(1) / 2) / most) for j in range(most)]
    values = [function(t) for t in nodes]
    angles = [mp.acos(t) for t in nodes]
    c = [2 * mp.fsum(v * mp.cos(k * a) for v, a in zip(values, angles)) / most for k in range(most)]
    c[0] /= 2
    largest = max(abs(v) for v in values)
    while abs(c[-1]) < largest * mpf(2) ** -58:
        c.pop()
    return c


def inverse(low):
    """t in [-1, 1] -> x in [low, infinity), t = 2 low / x - 1."""
    return lambda t: 2 * low / (t + 1)


def square(high):
    """t -> x in [0, high], t = 2 (x / high)^2 - 1."""
    return lambda t: high * mp.sqrt((t + 1) / 2)


def linear(high):
    return lambda t: high * (t + 1) / 2


def hankel(order, part):
    """P or Q of the Bessel functions: J = sqrt(2 / (pi x)) (P cos - Q sin), Y = sqrt(2 / (pi x)) (P sin + Q cos)."""

    def function(x):
        phase = x - mp.pi * (2 * order + 1) / 4
        j, y = mp.besselj(order, x), mp.bessely(order, x)
        scale = mp.sqrt(mp.pi * x / 2)
        if part == "P":
            return scale * (j * mp.cos(phase) + y * mp.sin(phase))
        return scale * (y * mp.cos(phase) - j * mp.sin(phase)) * x

    return function


def airy_negative(part):
    """P or Q with Ai(-x) = (P cos - Q sin) / (sqrt(pi) x^(1/4)), of the phase zeta - pi / 4."""

    def function(x):
        zeta = 2 * x**1.5 / 3
        phase, scale = zeta - mp.pi / 4, mp.sqrt(mp.pi) * mp.root(x, 4)
        a, b = mp.airyai(-x), -mp.airybi(-x)
        if part == "P":
            return scale * (a * mp.cos(phase) + b * mp.sin(phase))
        return scale * (b * mp.cos(phase) - a * mp.sin(phase)) * zeta

    return function


def inverse_square(low):
    """t -> x in [low, infinity), t = 2 (low / x)^2 - 1."""
    return lambda t: low / mp.sqrt((t + 1) / 2)


def log_half(x):
    return mp.log(x / 2)


def airy_positive(zeta):
    x = (zeta * 3 / 2) ** (mpf(2) / 3)
    return 2 * mp.sqrt(mp.pi) * mp.root(x, 4) * mp.exp(zeta) * mp.airyai(x)


def of_zeta(function):
    return lambda zeta: function((zeta * 3 / 2) ** (mpf(2) / 3))


FITS = {
    "kErfcx": lambda t: (lambda x: (x + 4) * mp.exp(x * x) * mp.erfc(x))(4 * (1 + t) / (1 - t)),
    "kI0Small": lambda t: (lambda x: mp.exp(-x) * mp.besseli(0, x))(linear(8)(t)),
    "kI0Large": lambda t: (lambda x: mp.sqrt(x) * mp.exp(-x) * mp.besseli(0, x))(inverse(8)(t)),
    "kI1Small": lambda t: (lambda x: mp.exp(-x) * mp.besseli(1, x) / x)(linear(8)(t)),
    "kI1Large": lambda t: (lambda x: mp.sqrt(x) * mp.exp(-x) * mp.besseli(1, x))(inverse(8)(t)),
    "kK0Small": lambda t: (lambda x: mp.besselk(0, x) + log_half(x) * mp.besseli(0, x))(square(2)(t)),
    "kK0Large": lambda t: (lambda x: mp.sqrt(x) * mp.exp(x) * mp.besselk(0, x))(inverse(2)(t)),
    "kK1Small": lambda t: (lambda x: x * (mp.besselk(1, x) - log_half(x) * mp.besseli(1, x)))(square(2)(t)),
    "kK1Large": lambda t: (lambda x: mp.sqrt(x) * mp.exp(x) * mp.besselk(1, x))(inverse(2)(t)),
    "kJ0Small": lambda t: mp.besselj(0, square(8)(t)),
    "kJ1Small": lambda t: (lambda x: mp.besselj(1, x) / x)(square(8)(t)),
    "kY0Small": lambda t: (lambda x: mp.bessely(0, x) - 2 / mp.pi * mp.log(x) * mp.besselj(0, x))(square(8)(t)),
    "kY1Small": lambda t: (lambda x: (mp.bessely(1, x) - 2 / mp.pi * (mp.log(x) * mp.besselj(1, x) - 1 / x)) / x)(
        square(8)(t)
    ),
    "kBessel0P": lambda t: hankel(0, "P")(inverse_square(8)(t)),
    "kBessel0Q": lambda t: hankel(0, "Q")(inverse_square(8)(t)),
    "kBessel1P": lambda t: hankel(1, "P")(inverse_square(8)(t)),
    "kBessel1Q": lambda t: hankel(1, "Q")(inverse_square(8)(t)),
    "kAiryPositive": lambda t: airy_positive(inverse(2)(t)),
    "kAiryP": lambda t: of_zeta(airy_negative("P"))(inverse_square(5)(t)),
    "kAiryQ": lambda t: of_zeta(airy_negative("Q"))(inverse_square(5)(t)),
}


def temme(orders, terms):
    """d[k][n] of C_k(eta) = sum of d[k][n] eta^n, the uniform expansion of the incomplete gamma functions (DLMF 8.12.12)."""
    count = terms + 2 * orders + 4
    alpha = [Fraction(0), Fraction(1)]
    for n in range(2, count):
        middle = sum(j * alpha[j] * alpha[n - j + 1] for j in range(2, n))
        alpha.append((alpha[n - 1] - middle) / (n + 1))
    # The coefficients of Stirling's series for gamma, from those of its logarithm.
    logarithm = [Fraction(0)] * (orders + 1)
    for k in range(1, orders // 2 + 2):
        numerator, denominator = mp.bernfrac(2 * k)
        if 2 * k - 1 <= orders:
            logarithm[2 * k - 1] = Fraction(int(numerator), int(denominator)) / (2 * k * (2 * k - 1))
    stirling = [Fraction(1)]
    for n in range(1, orders + 1):
        stirling.append(sum(k * logarithm[k] * stirling[n - k] for k in range(1, n + 1)) / n)
    zeroth = [Fraction(-1, 3)] + [(n + 2) * alpha[n + 2] for n in range(1, count - 2)]
    rows = [zeroth]
    for k in range(1, orders):
        before = rows[-1]
        rows.append([(-1) ** k * stirling[k] * zeroth[n] + (n + 2) * before[n + 2] for n in range(len(before) - 2)])
    return [row[:terms] for row in rows]


def show(name, values):
    print(f"constexpr double {name}[] = {{" + ", ".join(repr(float(v)) for v in values) + "};")


if __name__ == "__main__":
    for name, function in FITS.items():
        show(name, fit(function))
    for k, row in enumerate(temme(6, 18)):
        show(f"kTemme{k}", row)
