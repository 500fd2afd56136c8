#define CK_TABLE ck_vector_portable
#include "vector.inc"
#define CK_TILE_TABLE ck_tile_portable
#define CK_LANES 4
#define CK_ROWS 6
#include "tile.inc"
