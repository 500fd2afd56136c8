/* What only tests compute: plain versions of the kernels, in double precision, and the gradient of weights that the
 * program never trains. */
#pragma once
#include "CKernels.h"

/* Four nested loops, double accumulation, f32 weights. */
void ck_convolve_reference(const ck_convolution *p, const float *x, const float *weight, const float *bias,
                           int bias_per_sample, float *y);

/* dweight (channels_out, channels_in, kernel_height, kernel_width) = the pull-back of dy (as y) to the weights. */
void ck_convolve_weight_gradient(const ck_convolution *p, const float *x, const float *dy, float *dweight);

/* The whole map, in double. */
void ck_attend_reference(const ck_attention *p, const float *q, const float *k, const float *v, float *y);
/* Its pull-back; gradients in double. */
void ck_attend_gradient_reference(const ck_attention *p, const float *q, const float *k, const float *v, const float *dy,
                                  size_t cotangents, double *dq, double *dk, double *dv);

/* The nearest bf16 of each value (ties to even), as f32: what bf16 products see. Finite values only. */
void ck_round_to_bf16(const float *from, float *to, size_t count);
