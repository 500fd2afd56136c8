/* Loops over contiguous floats, compiled once for each instruction set from vector.inc. Each is serial; the callers
 * divide the work among threads. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    void (*activate)(int kind, const float *x, float *y, size_t n);
    void (*activate_gradient)(int kind, const float *x, const float *dy, float *dx, size_t n);
    void (*geglu)(const float *a, const float *g, float *y, size_t n);
    void (*geglu_gradient)(const float *a, const float *g, const float *dy, float *da, float *dg, size_t n);
    void (*linear_combination)(float a, const float *x, float b, const float *y, float *out, size_t n);
    void (*channel_affine)(const float *x, const float *scale, const float *shift, float *y, size_t rows, size_t c);
    void (*lerp)(const float *x, const float *to, float fraction, float *y, size_t n);
    void (*accumulate)(const float *x, float factor, float *y, size_t n);
    void (*adam)(float *value, const float *g, float *m, float *v, size_t n, float beta1, float beta2,
                 float step_size, float correction2_root, float epsilon, float decay);

    /* Per channel: mean and sum of squared deviations over `rows` rows. */
    void (*moments)(const float *x, size_t rows, size_t c, float *mean, float *m2);
    /* y = x*scale + shift, then SiLU if asked. */
    void (*normalise)(const float *x, const float *scale, const float *shift, int silu, float *y, size_t rows, size_t c);
    /* With g = dy (times SiLU'): sums of g and of g*(x - mean)*rstd per channel. */
    void (*normalise_sums)(const float *x, const float *dy, const float *scale, const float *shift, const float *mean,
                           const float *rstd, int silu, size_t rows, size_t c, float *sum_g, float *sum_gx);
    /* dx = g*a + x*b + d per channel. */
    void (*normalise_gradient)(const float *x, const float *dy, const float *scale, const float *shift, int silu,
                               const float *a, const float *b, const float *d, float *dx, size_t rows, size_t c);
    void (*layer_norm_row)(const float *x, const float *gamma, const float *beta, float epsilon, float *y,
                           float *mean, float *rstd, size_t c);
    void (*layer_norm_row_gradient)(const float *x, const float *gamma, float mean, float rstd, const float *dy,
                                    float *dx, float *dgamma, float *dbeta, size_t c);

    /* Stored halves to f32. */
    void (*widen_f16)(const uint16_t *from, float *to, size_t n);
    void (*widen_bf16)(const uint16_t *from, float *to, size_t n);
    float (*dot)(const float *x, const float *y, size_t n);
} ck_vector;

extern const ck_vector ck_vector_portable;
#if defined(__x86_64__)
extern const ck_vector ck_vector_avx2, ck_vector_avx512;
#endif

/* The path in use (dispatch.c). */
const ck_vector *ck_vector_current(void);
