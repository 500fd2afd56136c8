#if defined(__x86_64__)
#include <math.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c"))), apply_to = function)
#define CK_CONVERTS_HALVES
#define CK_TABLE ck_vector_avx512
#include "vector.inc"
#define CK_TILE_TABLE ck_tile_avx512
#define CK_LANES 16
#define CK_ROWS 14
#include "tile.inc"
#pragma clang attribute pop
#endif
