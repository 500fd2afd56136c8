/* The C kernels beside plain versions in double precision, for CPUs that the Swift tests do not reach. */
#pragma once
#include "CKernels.h"
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* `count` values from a normal distribution, the same on every machine; the caller frees them. */
float *normal(size_t count, uint64_t seed);
float *zeros(size_t count);
/* Overwrites with NaN, so that what a kernel leaves unwritten is seen. */
void spoil(float *x, size_t count);

/* Notes a check. The error is |x - y| / |y| over all elements, or |x - y| where all y are 0; NaN fails. */
void check_close(const char *what, const float *x, const float *y, size_t count, double bound);
void check(const char *what, int holds);

/* One of them in each file; they run on the calling thread's path. */
void test_products(void);
void test_convolutions(void);
void test_attention(void);
void test_norms(void);
void test_elementwise(void);
void test_resampling(void);
void test_halves(void);
void test_memory(void);
