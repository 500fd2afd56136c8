#pragma once
#include "CKernels.h"
#include "tile.h"

/* `count` floats of this thread's scratch memory `slot`; they keep until the next call with that slot. */
enum { CK_SCRATCH_PANELS, CK_SCRATCH_ZEROS, CK_SCRATCH_WINOGRAD_INPUT, CK_SCRATCH_WINOGRAD_OUTPUT, CK_SCRATCH_WEIGHTS, CK_SCRATCH_SLOTS };
float *ck_scratch(int slot, size_t count);

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
