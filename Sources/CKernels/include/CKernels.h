/* The hot loops of the engine, and the only place that calls OpenBLAS.
 *
 * Layout: activations are channels-last, (samples, height, width, channels) or (samples, tokens, channels),
 * contiguous f32. Every function is deterministic: the shapes alone decide how it divides its work, so the thread
 * count does not change a bit of the results.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* --- threads.c ------------------------------------------------------------------------------------------ */

/* The number of threads that the kernels may use, including the caller's. At least 1. */
void ck_set_threads(int count);
int ck_threads(void);

/* --- memory.c ------------------------------------------------------------------------------------------- */

/* Memory for a tensor, 64-byte aligned and not cleared; NULL when there is none. */
void *ck_allocate(size_t bytes);
/* Releases it; `bytes` as in the call of ck_allocate. */
void ck_release(void *base, size_t bytes);
/* Returns released memory to the system that the kernels keep for the next tensor of its size. */
void ck_trim_memory(void);

/* --- dispatch.c ----------------------------------------------------------------------------------------- */

/* Vector code paths. CK_ISA_PORTABLE is plain C for whatever the compiler's baseline is. */
typedef enum { CK_ISA_PORTABLE = 0, CK_ISA_AVX2 = 1, CK_ISA_AVX512 = 2 } ck_isa;

/* The best path this CPU can run. */
ck_isa ck_best_isa(void);
/* This thread's path. */
ck_isa ck_current_isa(void);
/* Chooses this thread's path (tests run each); returns 0, or -1 when this CPU cannot run it. */
int ck_select_isa(ck_isa isa);

/* The number format of products of activations and weights, and of attention's products: f32, or factors rounded to bf16
 * with sums in f32. All else is always f32. */
typedef enum { CK_COMPUTE_F32 = 0, CK_COMPUTE_BF16 = 1 } ck_precision;

/* This thread's precision. */
ck_precision ck_current_precision(void);
/* Chooses this thread's precision, and its best path; returns 0, or -1 when this CPU does not compute in it. */
int ck_select_precision(ck_precision precision);

/* --- measure.c ------------------------------------------------------------------------------------------- */

/* Multiply-adds per second of all threads on values in registers, in this thread's precision; times two for FLOP/s. Takes
 * about 0.3 s. */
double ck_measure_peak(void);
/* Floating-point operations of all products, convolutions and attentions so far, counted as if computed directly. */
double ck_work_done(void);

/* --- patches.c ------------------------------------------------------------------------------------------- */

/* For each centre (row * width + column) the place in `b` whose patch of (2 * radius + 1)^2 pixels is most like that of `a`, at most
 * `reach` rows and columns away. Both pictures: (height, width, 3). The cost is the mean squared difference of samples, plus
 * `cost_per_pixel` for each pixel of the way; places are row * width + column. */
void ck_match_patches(const float *a, const float *b, int height, int width, const int32_t *centres, size_t count, int radius,
                      int reach, float cost_per_pixel, float *costs, int32_t *places);

/* --- matrix.c: products of activations, the gradients of weights, through OpenBLAS -------------------------- */

/* C (m, n) = alpha * op(A) * op(B) + beta * C; row-major; op transposes where the flag says so, as in BLAS. */
void ck_gemm(int transposed_a, int transposed_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
             const float *b, size_t ldb, float beta, float *c, size_t ldc);

/* --- product.c: activations times weights ------------------------------------------------------------------ */

/* Stored weights. A product widens them while it packs them, never as a whole. */
typedef enum { CK_F32 = 0, CK_F16 = 1, CK_BF16 = 2 } ck_element;
typedef struct {
    const void *data;
    ck_element element;
    /* A LoRA, which a product adds while it packs the weights: + up down^T, up (rows of the weights, rank), down (columns,
     * rank). NULL and 0: none. For linear layers only. */
    const float *up, *down;
    size_t rank;
} ck_weight;

/* to = elements offset ..< offset+count of the stored weights as f32, without a LoRA. */
void ck_widen_weight(ck_weight weight, size_t offset, size_t count, float *to);

/* y (rows, n) = x (rows, k) * W^T + bias (n, may be NULL), W (n, k).
 * transposed: W is (k, n), and y = x * W: the pull-back of the former. */
void ck_linear(const float *x, ck_weight weight, int transposed, const float *bias, float *y, size_t rows, size_t k,
               size_t n);

/* A 2-D convolution over channels-last images.
 * `dilation_in` spreads the input by inserting dilation_in - 1 zeros between its pixels (the input gradient of a
 * strided convolution is such a convolution). The padding is that of the top and left. Beyond the input's end the
 * convolution reads zeros, as far as the output's size needs. */
typedef struct {
    size_t samples, height, width, channels_in;
    size_t out_height, out_width, channels_out;
    size_t kernel_height, kernel_width, stride, dilation_in;
    ptrdiff_t pad_top, pad_left;
    /* The weights are (channels_out, channels_in, kernel_height, kernel_width), as checkpoints store them; transposed:
     * (channels_in, channels_out, ...) and each kernel is turned by 180 degrees, for a cotangent's way back. */
    int transposed;
} ck_convolution;

/* bias (channels_out) or, with bias_per_sample, (samples, channels_out); NULL for none. */
void ck_convolve(const ck_convolution *p, const float *x, ck_weight weight, const float *bias, int bias_per_sample,
                 float *y);

/* --- attention.c ---------------------------------------------------------------------------------------- */

/* softmax(q k^T * scale) v for each head; heads lie side by side in the channels. It never holds a tokens x tokens map.
 * kv_samples is samples, or 1: then all samples read the same keys and values. causal: query i reads keys 0...i. */
typedef struct {
    size_t samples, kv_samples, heads, queries, keys, head_width;
    float scale;
    int causal;
} ck_attention;

/* y (samples, queries, heads*head_width); log_sum (samples, heads, queries): saved for the gradient. In bf16 the running
 * softmax rounds probabilities before it multiplies them, relative to the largest score so far. */
void ck_attend(const ck_attention *p, const float *q, const float *k, const float *v, float *y, float *log_sum);
/* Pull-back of `cotangents` cotangents dy (cotangents*samples, queries, …). dk and dv may both be NULL, or dq. */
void ck_attend_gradient(const ck_attention *p, const float *q, const float *k, const float *v, const float *y,
                        const float *log_sum, const float *dy, size_t cotangents, float *dq, float *dk, float *dv);
/* --- normalisation.c ------------------------------------------------------------------------------------ */

typedef struct {
    size_t samples, pixels, channels, groups;
    float epsilon;
    int silu; /* apply SiLU to the output */
} ck_group_norm;

/* mean, rstd: (samples, groups), saved for the gradient. */
void ck_group_norm_forward(const ck_group_norm *p, const float *x, const float *gamma, const float *beta, float *y,
                           float *mean, float *rstd);
/* dgamma, dbeta: (cotangents, channels) or NULL. */
void ck_group_norm_gradient(const ck_group_norm *p, const float *x, const float *gamma, const float *beta,
                            const float *mean, const float *rstd, const float *dy, size_t cotangents, float *dx,
                            float *dgamma, float *dbeta);

void ck_layer_norm_forward(const float *x, const float *gamma, const float *beta, float epsilon, float *y,
                           float *mean, float *rstd, size_t rows, size_t channels);
/* dy has cotangents*rows rows; dgamma, dbeta: (cotangents, channels) or NULL. */
void ck_layer_norm_gradient(const float *x, const float *gamma, const float *mean, const float *rstd,
                            const float *dy, size_t cotangents, float *dx, float *dgamma, float *dbeta, size_t rows,
                            size_t channels);

/* --- elementwise.c -------------------------------------------------------------------------------------- */

typedef enum { CK_SILU = 0, CK_GELU = 1, CK_QUICK_GELU = 2 } ck_activation;

void ck_activate(ck_activation kind, const float *x, float *y, size_t count);
/* dx = dy * f'(x), for `cotangents` cotangents. */
void ck_activate_gradient(ck_activation kind, const float *x, const float *dy, float *dx, size_t count,
                          size_t cotangents);
/* y (rows, width) = a * gelu(g), x (rows, 2*width) = [a, g]. */
void ck_geglu(const float *x, float *y, size_t rows, size_t width);
void ck_geglu_gradient(const float *x, const float *dy, float *dx, size_t rows, size_t width, size_t cotangents);

/* out = a*x + b*y (y may be NULL). */
void ck_linear_combination(float a, const float *x, float b, const float *y, float *out, size_t count);
/* y = x*scale[channel] + shift[channel]; scale or shift may be NULL. */
void ck_channel_affine(const float *x, const float *scale, const float *shift, float *y, size_t rows,
                       size_t channels);
/* Copies `rows` rows of `width` floats between buffers of the given row strides. */
void ck_copy_rows(const float *from, size_t from_stride, float *to, size_t to_stride, size_t rows, size_t width);

/* Adam's update of `count` values in PyTorch's order of operations; decay: AdamW's lr*weight_decay, or 0. */
void ck_adam(float *value, const float *gradient, float *first, float *second, size_t count, float beta1,
             float beta2, float step_size, float correction2_root, float epsilon, float decay);

/* --- resample.c: one axis of (outer, axis, inner) at a time ---------------------------------------------- */

/* y[i] = x[low[i]] + fraction[i] * (x[high[i]] - x[low[i]]). */
void ck_resample_linear(const float *x, float *y, size_t outer, size_t in, size_t out, size_t inner,
                        const int32_t *low, const int32_t *high, const float *fraction);
void ck_resample_linear_gradient(const float *dy, float *dx, size_t outer, size_t in, size_t out, size_t inner,
                                 const int32_t *low, const int32_t *high, const float *fraction);
/* y[i] = mean of x[first[i] ..< last[i]]. */
void ck_average_bins(const float *x, float *y, size_t outer, size_t in, size_t out, size_t inner,
                     const int32_t *first, const int32_t *last);
void ck_average_bins_gradient(const float *dy, float *dx, size_t outer, size_t in, size_t out, size_t inner,
                              const int32_t *first, const int32_t *last);

/* y[i] = sum over s of weights[i*width + s] * x[first[i] + s], for s < count[i]. */
void ck_resample_weighted(const float *x, float *y, size_t outer, size_t in, size_t out, size_t inner,
                          const int32_t *first, const int32_t *count, const float *weights, size_t width);

/* --- halves.c ------------------------------------------------------------------------------------------- */

void ck_widen_f16(const uint16_t *from, float *to, size_t count);
void ck_widen_bf16(const uint16_t *from, float *to, size_t count);
