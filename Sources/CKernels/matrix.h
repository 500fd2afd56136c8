#pragma once
#include <stddef.h>

/* As ck_gemm, on the calling thread. */
void ck_sgemm_serial(int trans_a, int trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                     const float *b, size_t ldb, float beta, float *c, size_t ldc);
