#include "check.h"

enum { BLOCKS = 24 };

static int holds_only(const unsigned char *block, size_t size, int value) {
    for (size_t i = 0; i < size; i++)
        if (block[i] != value) return 0;
    return 1;
}

/* Allocates and frees blocks of many sizes, also reused ones: no two live blocks overlap. */
void test_memory(void) {
    unsigned char *blocks[BLOCKS];
    size_t sizes[BLOCKS];
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < BLOCKS; i++) {
            if (round > 0 && i % 3 == round % 3) continue; /* stays allocated */
            if (round > 0) {
                check("memory is its owner's alone", holds_only(blocks[i], sizes[i], i));
                ck_release(blocks[i], sizes[i]);
            }
            sizes[i] = (size_t)((i * 7 + round * 5) % BLOCKS + 1) * (i % 2 ? 150001 : 37);
            blocks[i] = ck_allocate(sizes[i]);
            check("memory is aligned", blocks[i] && (uintptr_t)blocks[i] % 64 == 0);
            memset(blocks[i], i, sizes[i]);
        }
    for (int i = 0; i < BLOCKS; i++) {
        check("memory is its owner's alone", holds_only(blocks[i], sizes[i], i));
        ck_release(blocks[i], sizes[i]);
    }
}
