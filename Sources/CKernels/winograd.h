#pragma once
#include "pack.h"

/* Whether a convolution gains by it. */
int ck_suits_winograd(const ck_product *j);
void ck_convolve_winograd(ck_product *j);
