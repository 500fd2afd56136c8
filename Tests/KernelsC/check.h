/* Compares the C kernels with plain versions in double precision, for CPUs that the Swift tests do not reach. */
#pragma once
#include "CKernels.h"
#include "KernelReferences.h"
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* `count` values from a normal distribution, the same on every machine; the caller frees them. */
float *normal(size_t count, uint64_t seed);
float *zeros(size_t count);
/* Overwrites with NaN, so that a test sees values that a kernel does not write. */
void spoil(float *x, size_t count);

/* Notes a check. The error is |x - y| / |y| over all elements, or |x - y| where all y are 0; NaN fails. */
void check_close(const char *what, const float *x, const float *y, size_t count, double bound);
void check(const char *what, int holds);

/* A factor as this thread's precision has it: itself, or the nearest bf16. One that a kernel computes in f32, known here
 * to within `spread`, may be rounded to a neighbour there: `doubt` is how far off that lies. */
typedef struct {
    double value, doubt;
} factor;
factor as_factor(double x, double spread);

/* Sums of products in double, and bounds on the change by the uncertainty of their factors. */
typedef struct {
    double *value, *doubt;
    size_t count;
} sums;
sums make_sums(size_t count);
void add_product(sums s, size_t at, factor a, double b);
void free_sums(sums s);
/* As check_close, but only a difference beyond these bounds is an error. */
void check_sums(const char *what, const float *found, sums expected, double bound);

/* One test per file; each runs on the calling thread's path and precision. */
void test_products(void);
void test_convolutions(void);
void test_attention(void);
void test_norms(void);
void test_elementwise(void);
void test_resampling(void);
void test_halves(void);
void test_memory(void);
