#include "scratch.h"
#include <stdlib.h>
#include <string.h>

float *ck_scratch(int slot, size_t count) {
    static _Thread_local struct {
        float *base;
        size_t size;
    } slots[CK_SCRATCH_SLOTS];
    if (count > slots[slot].size) {
        free(slots[slot].base);
        slots[slot].size = (count + 1023) / 1024 * 1024;
        slots[slot].base = aligned_alloc(64, slots[slot].size * sizeof(float));
        if (!slots[slot].base) abort();
        memset(slots[slot].base, 0, slots[slot].size * sizeof(float));
    }
    return slots[slot].base;
}
