#if defined(__x86_64__)
#include <math.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define CK_TABLE ck_vector_avx2
#include "vector.inc"
#pragma clang attribute pop
#endif
