#include "check.h"

static double half_value(unsigned bits) {
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double size = exponent == 0    ? ldexp(mantissa, -24)
                  : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                   : ldexp(1024 + mantissa, exponent - 25);
    return bits & 0x8000 ? -size : size;
}

void test_halves(void) {
    enum { ALL = 65536 };
    uint16_t *halves = malloc(ALL * sizeof *halves);
    float *wide = zeros(ALL), *rounded = zeros(ALL);
    for (int i = 0; i < ALL; i++) halves[i] = (uint16_t)i;
    int exact = 1;
    ck_widen_f16(halves, wide, ALL);
    for (unsigned i = 0; i < ALL; i++) {
        double value = half_value(i);
        exact &= isnan(value) ? isnan(wide[i]) : wide[i] == value && !signbit(wide[i]) == !(i & 0x8000);
    }
    check("every f16 is widened exactly", exact);
    ck_widen_bf16(halves, wide, ALL);
    for (uint32_t i = 0; i < ALL; i++) {
        uint32_t bits;
        memcpy(&bits, wide + i, 4);
        exact &= bits == i << 16;
    }
    check("every bf16 is widened exactly", exact);
    ck_weight weight = {.data = halves, .element = CK_F16};
    ck_widen_weight(weight, 1001, 5, wide);
    check("weights are widened from an offset", wide[4] == half_value(1005));

    float *x = normal(ALL, 1);
    ck_round_to_bf16(x, rounded, ALL);
    int nearest = 1;
    for (int i = 0; i < ALL; i++) {
        double unit = ldexp(1, ilogb(x[i]) - 7); /* bf16 has eight bits */
        nearest &= rounded[i] == nearbyint(x[i] / unit) * unit;
    }
    check("bf16 is the nearest, ties to even", nearest);
    const float ties[] = {1 + 0x1p-8f, 1 + 0x3p-8f};
    ck_round_to_bf16(ties, rounded, 2);
    check("ties go to even", rounded[0] == 1 && rounded[1] == 1 + 0x1p-6f);
    free(halves), free(wide), free(rounded), free(x);
}
