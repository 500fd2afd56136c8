#include "tile_bf16.h"
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define ROWS 14
#define LANES 16
#define COLUMNS (2 * LANES)
#define UNROLLED _Pragma("clang loop unroll(full)")
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)

static inline __m512 multiply_pairs(__m512 sum, __m512i a, __m512i b) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }

/* `rows` and `vectors` are constants at every call, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void tile_of(const ck_tile_bf16 *t, const int rows, const int vectors) {
    __m512 sum[ROWS][2];
    UNROLLED for (int r = 0; r < rows; r++)
        UNROLLED for (int v = 0; v < vectors; v++) sum[r][v] = _mm512_setzero_ps();
    const uint32_t *a[ROWS], *b = t->panel;
    UNROLLED for (int r = 0; r < rows; r++) a[r] = t->rows + (size_t)r * t->pairs;
    for (size_t k = 0; k < t->pairs; k++, b += COLUMNS) {
        __m512i column[2];
        UNROLLED for (int v = 0; v < vectors; v++) column[v] = _mm512_loadu_si512(b + v * LANES);
        UNROLLED for (int r = 0; r < rows; r++) {
            __m512i value = _mm512_set1_epi32((int)a[r][k]);
            UNROLLED for (int v = 0; v < vectors; v++) sum[r][v] = multiply_pairs(sum[r][v], value, column[v]);
        }
    }
    UNROLLED for (int v = 0; v < vectors; v++) {
        int left = t->width - v * LANES;
        __mmask16 mask = left >= LANES ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
        __m512 start = t->first && t->start ? _mm512_maskz_loadu_ps(mask, t->start + v * LANES) : _mm512_setzero_ps();
        UNROLLED for (int r = 0; r < rows; r++) {
            float *to = t->c + (size_t)r * t->ldc + v * LANES;
            __m512 before = t->first ? start : _mm512_maskz_loadu_ps(mask, to);
            _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(before, sum[r][v]));
        }
    }
}

#define TILE_CASE(n)                                         \
    case n:                                                  \
        if (t->width > LANES) tile_of(t, n, 2);              \
        else tile_of(t, n, 1);                               \
        break;

static void multiply(const ck_tile_bf16 *t, int count) {
    switch (count) {
        TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6) TILE_CASE(7)
        TILE_CASE(8) TILE_CASE(9) TILE_CASE(10) TILE_CASE(11) TILE_CASE(12) TILE_CASE(13) TILE_CASE(14)
    }
}

static void round_run(const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i += LANES) {
        __mmask16 mask = count - i >= LANES ? 0xffff : (__mmask16)((1u << (count - i)) - 1);
        __m256i half = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from + i));
        _mm256_mask_storeu_epi16(to + i, mask, half);
    }
}

static void pack_rows(const float *const *rows, size_t segments, size_t depth, int count, uint32_t *to) {
    size_t run = segments * depth, pairs = (run + 1) / 2;
    for (int r = 0; r < count; r++) {
        uint16_t *row = (uint16_t *)(to + (size_t)r * pairs);
        for (size_t s = 0; s < segments; s++) round_run(rows[s * ROWS + (size_t)r], depth, row + s * depth);
        if (run % 2) row[run] = 0;
    }
}

static void pack_panel(const float *panel, size_t run, uint32_t *to) {
    for (size_t k = 0; k < run; k += 2)
        for (int v = 0; v < COLUMNS; v += LANES) {
            const float *at = panel + k * COLUMNS + v;
            __m512 second = k + 1 < run ? _mm512_loadu_ps(at + COLUMNS) : _mm512_setzero_ps();
            __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(at)));
            __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
            _mm512_storeu_si512(to + k / 2 * COLUMNS + v, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
}

static float multiply_add(size_t count) {
    __m512 sum[12];
    UNROLLED for (int i = 0; i < 12; i++) sum[i] = _mm512_set1_ps((float)i);
    __m512i a = _mm512_set1_epi32((int)count | 0x3f003f00), b = _mm512_set1_epi32(0x3f003f00);
    for (size_t n = 0; n < count; n++)
        UNROLLED for (int i = 0; i < 12; i++) sum[i] = multiply_pairs(sum[i], a, b);
    float total = 0;
    UNROLLED for (int i = 0; i < 12; i++) total += _mm512_reduce_add_ps(sum[i]);
    return total;
}
#pragma clang attribute pop

const ck_tile_bf16_kernel ck_tile_bf16_avx512 = {multiply_add, multiply, pack_rows, pack_panel};
#endif
