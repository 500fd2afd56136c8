#define CK_TABLE ck_vector_portable
#include "vector.inc"
