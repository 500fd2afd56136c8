/* The innermost product in bf16: factors rounded to bf16, sums in f32. One instruction takes two neighbouring products of a
 * sum, so rows of A and panels of B hold pairs: elements 2i (low half) and 2i+1 of the sum's run in one 32-bit word. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint32_t *rows; /* [row][pairs] */
    const uint32_t *panel; /* [pairs][columns] */
    size_t pairs;
    float *c;
    size_t ldc;
    const float *start; /* as in ck_tile */
    int first, width;
} ck_tile_bf16;

typedef struct {
    /* 12 * 32 * count multiply-adds in registers. */
    float (*multiply_add)(size_t count);
    /* c (count, width) += A B, count <= the tile's rows. */
    void (*multiply)(const ck_tile_bf16 *t, int count);
    /* `count` rows of `segments` runs of `depth` floats each, one after the other, to pairs; an odd run ends in a zero.
     * rows: [segment][tile rows]. */
    void (*pack_rows)(const float *const *rows, size_t segments, size_t depth, int count, uint32_t *to);
    /* An f32 panel [run][columns] to pairs; an odd run ends in zeros. */
    void (*pack_panel)(const float *panel, size_t run, uint32_t *to);
} ck_tile_bf16_kernel;

#if defined(__x86_64__)
/* Its tile is ck_tile_avx512's, 14 rows by 32 columns. */
extern const ck_tile_bf16_kernel ck_tile_bf16_avx512;
#endif
