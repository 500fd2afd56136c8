/* The innermost product, compiled once per instruction set from tile.inc:
 * a few rows of A, each read in place, times one packed panel of B, with the sums in registers. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CK_TILE_ROWS_MAX 14
#define CK_TILE_COLUMNS_MAX 32

typedef struct {
    const float *const *rows; /* [segments][tile rows]: where each row of A begins in each segment */
    const float *panel;       /* [segments][depth][columns] */
    size_t segments, depth;
    float *c;
    size_t ldc;
    const float *start; /* initial sums, one value for each column; NULL: zero */
    int first;          /* overwrite C instead of adding to it */
    int width;          /* columns wanted, at most `columns` */
} ck_tile;

typedef struct {
    int rows, columns, lanes;
    /* 12 * lanes * count multiply-adds on values in registers: the CPU's peak. */
    float (*multiply_add)(size_t count);
    /* c (count, width) += A B, count <= rows. */
    void (*multiply)(const ck_tile *t, int count);
    /* to[(t*depth + k)*columns + n] = from[n*stride + k*taps + t] for n < width, zero beyond. */
    void (*pack_columns)(const float *from, size_t stride, size_t width, size_t depth, size_t taps, float *to);

    /* Softmax down the `rows` of a tile, whose rows are `columns` wide: s := exp(s*scale - top), where top is the largest
     * s*scale so far. It multiplies `total` by `keep`, and the caller must multiply its earlier sums by `keep` too. Returns
     * whether any top grew. */
    int (*softmax)(float *s, size_t rows, float scale, float *top, float *keep, float *total);
    /* s := exp(s*scale - log_sum). */
    void (*softmax_again)(float *s, size_t rows, float scale, const float *log_sum);
    /* dp := p * (dp - delta) * scale. */
    void (*softmax_gradient)(const float *p, float *dp, size_t rows, const float *delta, float scale);
    void (*scale_columns)(float *x, size_t rows, const float *factors);

    /* Winograd's transforms; `spacing`: floats between the 36 results (or sources). Channels: a multiple of 16.
     * pixels: the 6x6 places of an input tile, the 4x4 of an output tile (NULL: outside). */
    void (*winograd_input)(const float *const *pixels, size_t channels, float *to, size_t spacing);
    void (*winograd_output)(const float *from, size_t spacing, const float *start, size_t channels, float *const *pixels);
    /* panel [9][depth][columns] to 36 of [depth][columns]. */
    void (*winograd_weight)(const float *panel, size_t depth, float *to, size_t spacing);
} ck_tile_kernel;

extern const ck_tile_kernel ck_tile_portable;
#if defined(__x86_64__)
extern const ck_tile_kernel ck_tile_avx2, ck_tile_avx512;
#endif

/* The path in use (dispatch.c). */
const ck_tile_kernel *ck_tile_current(void);
