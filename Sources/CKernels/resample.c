/* Resizing along one axis of (outer, axis, inner). */
#include "CKernels.h"
#include "vector.h"
#include <string.h>

void ck_resample_linear(const float *x, float *y, size_t outer, size_t in, size_t out, size_t inner,
                        const int32_t *low, const int32_t *high, const float *fraction) {
    const ck_vector *v = ck_vector_current();
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < out; i++)
            v->lerp(x + (o * in + (size_t)low[i]) * inner, x + (o * in + (size_t)high[i]) * inner, fraction[i],
                    y + (o * out + i) * inner, inner);
}

void ck_resample_linear_gradient(const float *dy, float *dx, size_t outer, size_t in, size_t out, size_t inner,
                                 const int32_t *low, const int32_t *high, const float *fraction) {
    const ck_vector *v = ck_vector_current();
    memset(dx, 0, outer * in * inner * sizeof(float));
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < out; i++) {
            const float *d = dy + (o * out + i) * inner;
            v->accumulate(d, 1 - fraction[i], dx + (o * in + (size_t)low[i]) * inner, inner);
            v->accumulate(d, fraction[i], dx + (o * in + (size_t)high[i]) * inner, inner);
        }
}

void ck_average_bins(const float *x, float *y, size_t outer, size_t in, size_t out, size_t inner,
                     const int32_t *first, const int32_t *last) {
    const ck_vector *v = ck_vector_current();
    memset(y, 0, outer * out * inner * sizeof(float));
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < out; i++) {
            float share = 1.0f / (float)(last[i] - first[i]);
            for (int32_t s = first[i]; s < last[i]; s++)
                v->accumulate(x + (o * in + (size_t)s) * inner, share, y + (o * out + i) * inner, inner);
        }
}

void ck_average_bins_gradient(const float *dy, float *dx, size_t outer, size_t in, size_t out, size_t inner,
                              const int32_t *first, const int32_t *last) {
    const ck_vector *v = ck_vector_current();
    memset(dx, 0, outer * in * inner * sizeof(float));
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < out; i++) {
            float share = 1.0f / (float)(last[i] - first[i]);
            for (int32_t s = first[i]; s < last[i]; s++)
                v->accumulate(dy + (o * out + i) * inner, share, dx + (o * in + (size_t)s) * inner, inner);
        }
}

void ck_resample_weighted(const float *x, float *y, size_t outer, size_t in, size_t out, size_t inner,
                          const int32_t *first, const int32_t *count, const float *weights, size_t width) {
    const ck_vector *v = ck_vector_current();
    memset(y, 0, outer * out * inner * sizeof(float));
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < out; i++)
            for (int32_t s = 0; s < count[i]; s++)
                v->accumulate(x + (o * in + (size_t)(first[i] + s)) * inner, weights[i * width + (size_t)s],
                              y + (o * out + i) * inner, inner);
}
