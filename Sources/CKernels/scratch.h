#pragma once
#include <stddef.h>

/* `count` floats of this thread's scratch memory `slot`. They stay valid until the next call with that slot. */
enum {
    CK_SCRATCH_PANELS, CK_SCRATCH_ZEROS, CK_SCRATCH_WINOGRAD_INPUT, CK_SCRATCH_WINOGRAD_OUTPUT,
    CK_SCRATCH_WEIGHTS, CK_SCRATCH_HALVES, CK_SCRATCH_ATTENTION, CK_SCRATCH_SLOTS
};
float *ck_scratch(int slot, size_t count);
