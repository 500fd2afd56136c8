#include "CKernels.h"
#include "path.h"
#include <stdatomic.h>

static const ck_path paths[] = {
    [CK_ISA_PORTABLE] = {CK_ISA_PORTABLE, &ck_vector_portable, &ck_tile_portable, NULL},
#if defined(__x86_64__)
    [CK_ISA_AVX2] = {CK_ISA_AVX2, &ck_vector_avx2, &ck_tile_avx2, NULL},
    [CK_ISA_AVX512] = {CK_ISA_AVX512, &ck_vector_avx512, &ck_tile_avx512, NULL},
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

ck_precision ck_current_precision(void) { return ck_path_current()->bf16 ? CK_COMPUTE_BF16 : CK_COMPUTE_F32; }

int ck_select_precision(ck_precision precision) {
    if (precision == CK_COMPUTE_F32) return ck_select_isa(ck_best_isa());
#if defined(__x86_64__)
    static const ck_path bf16 = {CK_ISA_AVX512, &ck_vector_avx512, &ck_tile_avx512, &ck_tile_bf16_avx512};
    if (ck_best_isa() == CK_ISA_AVX512 && __builtin_cpu_supports("avx512bf16")) {
        chosen = &bf16;
        return 0;
    }
#endif
    return -1;
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
