/* Convolutions: by Winograd where that is faster, else directly. */
#include "measure.h"
#include "product.h"
#include "winograd.h"

void ck_convolve(const ck_convolution *p, const float *x, ck_weight weight, const float *bias, int bias_per_sample,
                 float *y) {
    ck_product j = {.p = p, .x = x, .bias = bias, .bias_per_sample = bias_per_sample, .weight = weight,
                 .transposed = p->transposed, .y = y, .kernel = ck_tile_current(),
                 .bf16 = ck_path_current()->bf16, .taps = p->kernel_height * p->kernel_width, .pixels = p->out_height * p->out_width};
    if (j.pixels * p->samples == 0) return;
    ck_count_work(2.0 * (double)(p->samples * j.pixels) * (double)(j.taps * p->channels_in) * (double)p->channels_out /
                  (double)(p->dilation_in * p->dilation_in));
    if (ck_suits_winograd(&j)) ck_convolve_winograd(&j);
    else ck_multiply(&j);
}
