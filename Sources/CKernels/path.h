#pragma once
#include "CKernels.h"
#include "tile.h"
#include "tile_bf16.h"
#include "vector.h"

/* A vector code path. A thread without a choice of its own uses the best. Helpers use the path of the loop's owner. */
typedef struct {
    ck_isa isa;
    const ck_vector *vector;
    const ck_tile_kernel *tile;
    const ck_tile_bf16_kernel *bf16; /* NULL: products are f32 */
} ck_path;

const ck_path *ck_path_current(void);
void ck_path_adopt(const ck_path *path);
