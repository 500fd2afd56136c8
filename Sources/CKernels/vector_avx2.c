#if defined(__x86_64__)
#include <math.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_CONVERTS_HALVES
#define CK_TABLE ck_vector_avx2
#include "vector.inc"
#define CK_TILE_TABLE ck_tile_avx2
#define CK_LANES 8
#define CK_ROWS 6
#include "tile.inc"
#pragma clang attribute pop
#endif
