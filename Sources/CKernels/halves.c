/* Widening of stored half-precision weights. */
#include "CKernels.h"
#include <string.h>

void ck_widen_f16(const uint16_t *from, float *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t sign = (uint32_t)(from[i] & 0x8000) << 16, exponent = from[i] >> 10 & 31, mantissa = from[i] & 1023;
        uint32_t bits;
        float value;
        if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24 */
            value = (float)mantissa * 0x1p-24f;
            memcpy(&bits, &value, 4);
            bits |= sign;
        } else {
            bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | mantissa << 13;
        }
        memcpy(to + i, &bits, 4);
    }
}

void ck_widen_bf16(const uint16_t *from, float *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(to + i, &bits, 4);
    }
}
