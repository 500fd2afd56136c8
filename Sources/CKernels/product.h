#pragma once
#include "pack.h"

/* Runs a product directly: every row of A times every column of the weights. */
void ck_multiply(ck_product *j);
