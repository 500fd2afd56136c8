#include "KernelReferences.h"
#include <stdint.h>

void ck_round_to_bf16(const float *from, float *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        union { float value; uint32_t bits; } v = {.value = from[i]};
        v.bits = (v.bits + 0x7fff + (v.bits >> 16 & 1)) & 0xffff0000;
        to[i] = v.value;
    }
}
