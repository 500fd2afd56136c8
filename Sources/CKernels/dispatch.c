#include "CKernels.h"
#include "tile.h"
#include "vector.h"
#include <stdatomic.h>

static _Atomic(const ck_vector *) table;
static _Atomic(const ck_tile_kernel *) tiles;
static atomic_int current = -1;

ck_isa ck_best_isa(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return CK_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) return CK_ISA_AVX2;
#endif
    return CK_ISA_PORTABLE;
}

int ck_select_isa(ck_isa isa) {
    if (isa > ck_best_isa()) return -1;
    const ck_vector *chosen = &ck_vector_portable;
    const ck_tile_kernel *tile = &ck_tile_portable;
#if defined(__x86_64__)
    if (isa == CK_ISA_AVX512) chosen = &ck_vector_avx512, tile = &ck_tile_avx512;
    if (isa == CK_ISA_AVX2) chosen = &ck_vector_avx2, tile = &ck_tile_avx2;
#endif
    atomic_store(&tiles, tile);
    atomic_store(&table, chosen);
    atomic_store(&current, (int)isa);
    return 0;
}

const ck_vector *ck_vector_current(void) {
    const ck_vector *now = atomic_load_explicit(&table, memory_order_acquire);
    if (now) return now;
    ck_select_isa(ck_best_isa());
    return atomic_load(&table);
}

ck_isa ck_current_isa(void) {
    ck_vector_current();
    return (ck_isa)atomic_load(&current);
}

const ck_tile_kernel *ck_tile_current(void) {
    ck_vector_current();
    return atomic_load(&tiles);
}
