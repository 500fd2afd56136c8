#include "CKernels.h"
#include "path.h"
#include <stdatomic.h>

static const ck_path paths[] = {
    [CK_ISA_PORTABLE] = {CK_ISA_PORTABLE, &ck_vector_portable, &ck_tile_portable},
#if defined(__x86_64__)
    [CK_ISA_AVX2] = {CK_ISA_AVX2, &ck_vector_avx2, &ck_tile_avx2},
    [CK_ISA_AVX512] = {CK_ISA_AVX512, &ck_vector_avx512, &ck_tile_avx512},
#endif
};
static _Atomic(const ck_path *) best;
static _Thread_local const ck_path *chosen;

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
    chosen = &paths[isa];
    return 0;
}

const ck_path *ck_path_current(void) {
    if (chosen) return chosen;
    const ck_path *found = atomic_load_explicit(&best, memory_order_relaxed);
    if (!found) atomic_store(&best, found = &paths[ck_best_isa()]);
    return found;
}

void ck_path_adopt(const ck_path *path) { chosen = path; }

const ck_vector *ck_vector_current(void) { return ck_path_current()->vector; }
const ck_tile_kernel *ck_tile_current(void) { return ck_path_current()->tile; }
ck_isa ck_current_isa(void) { return ck_path_current()->isa; }
