/* Widening of stored half-precision weights. */
#include "CKernels.h"
#include "path.h"
#include <string.h>

void ck_widen_f16(const uint16_t *from, float *to, size_t count) { ck_vector_current()->widen_f16(from, to, count); }

void ck_widen_bf16(const uint16_t *from, float *to, size_t count) { ck_vector_current()->widen_bf16(from, to, count); }

void ck_widen_weight(ck_weight weight, size_t offset, size_t count, float *to) {
    switch (weight.element) {
    case CK_F32: memcpy(to, (const float *)weight.data + offset, count * sizeof(float)); break;
    case CK_F16: ck_widen_f16((const uint16_t *)weight.data + offset, to, count); break;
    case CK_BF16: ck_widen_bf16((const uint16_t *)weight.data + offset, to, count); break;
    }
}
