#pragma once
#include "pack.h"

/* Whether it is faster for a convolution. */
int ck_suits_winograd(const ck_product *j);
void ck_convolve_winograd(ck_product *j);
