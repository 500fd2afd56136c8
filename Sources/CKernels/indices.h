#pragma once
#include <stddef.h>

static inline size_t ck_smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Row of the input that output position `o` reads at kernel offset `k`, or -1 outside (or between) the input. */
static inline ptrdiff_t ck_source_index(size_t o, size_t k, size_t stride, ptrdiff_t pad, size_t dilation, size_t size) {
    ptrdiff_t at = (ptrdiff_t)(o * stride + k) - pad;
    if (at < 0) return -1;
    if (dilation > 1) {
        if (at % (ptrdiff_t)dilation) return -1;
        at /= (ptrdiff_t)dilation;
    }
    return at < (ptrdiff_t)size ? at : -1;
}
