/* SHA-256, with the CPU's SHA instructions where it has them. */
#pragma once
#include <stdint.h>

/* SHA-256 of bytes that come in any number of pieces. */
typedef struct {
    uint32_t state[8];
    uint64_t length;
    uint8_t buffer[64];
} cd_sha256;
void cd_sha256_begin(cd_sha256 *c);
void cd_sha256_add(cd_sha256 *c, const uint8_t *bytes, uint64_t count);
void cd_sha256_end(cd_sha256 *c, uint8_t digest[32]);
/* Takes one block into a state: in plain C, and with the CPU's SHA instructions where it has them. */
void cd_sha256_block_plain(uint32_t h[8], const uint8_t p[64]);
void cd_sha256_block(uint32_t h[8], const uint8_t p[64]);
