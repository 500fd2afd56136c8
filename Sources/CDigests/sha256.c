/* SHA-256 (FIPS 180-4). */
#include "CDigests.h"
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

void cd_sha256_block_plain(uint32_t h[8], const uint8_t p[64]) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t e1 = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25), ch = (s[4] & s[5]) ^ (~s[4] & s[6]);
        uint32_t t1 = s[7] + e1 + ch + k[i] + w[i];
        uint32_t e0 = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22), maj = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + e0 + maj;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
}

#if defined(__x86_64__)
/* The same with the CPU's SHA instructions, four rounds at a time. They hold the state as {a, b, e, f} and {c, d, g, h}. */
__attribute__((target("sha,sse4.1"))) static void block_sha(uint32_t h[8], const uint8_t p[64]) {
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    const __m128i abef0 = _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]);
    const __m128i cdgh0 = _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]);
    __m128i abef = abef0, cdgh = cdgh0, w[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) {
        if (i < 4) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), big_endian);
        else {
            __m128i seven_back = _mm_alignr_epi8(w[i - 1], w[i - 2], 4);
            w[i] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w[i - 4], w[i - 3]), seven_back), w[i - 1]);
        }
        __m128i added = _mm_add_epi32(w[i], _mm_loadu_si128((const __m128i *)(k + 4 * i)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
    }
    uint32_t x[4], y[4];
    _mm_storeu_si128((__m128i *)x, _mm_add_epi32(abef, abef0));
    _mm_storeu_si128((__m128i *)y, _mm_add_epi32(cdgh, cdgh0));
    h[0] = x[3], h[1] = x[2], h[4] = x[1], h[5] = x[0];
    h[2] = y[3], h[3] = y[2], h[6] = y[1], h[7] = y[0];
}

static int has_sha(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_1 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
}
#endif

void cd_sha256_block(uint32_t h[8], const uint8_t p[64]) {
#if defined(__x86_64__)
    static int known;  /* 0: not known yet. Two threads may both find out; that does no harm. */
    int is_there = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!is_there) __atomic_store_n(&known, is_there = has_sha() ? 1 : -1, __ATOMIC_RELAXED);
    if (is_there > 0) {
        block_sha(h, p);
        return;
    }
#endif
    cd_sha256_block_plain(h, p);
}

void cd_sha256_begin(cd_sha256 *c) {
    static const uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(c->state, h, sizeof h);
    c->length = 0;
}

void cd_sha256_add(cd_sha256 *c, const uint8_t *bytes, uint64_t count) {
    uint64_t used = c->length % 64;
    c->length += count;
    while (count) {
        uint64_t take = 64 - used < count ? 64 - used : count;
        if (take == 64) cd_sha256_block(c->state, bytes);
        else {
            memcpy(c->buffer + used, bytes, take);
            if (used + take == 64) cd_sha256_block(c->state, c->buffer);
        }
        bytes += take;
        count -= take;
        used = 0;
    }
}

void cd_sha256_end(cd_sha256 *c, uint8_t digest[32]) {
    uint64_t bits = c->length * 8;
    static const uint8_t padding[64] = {0x80};
    cd_sha256_add(c, padding, 1 + (119 - c->length % 64) % 64);
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
    cd_sha256_add(c, length, 8);
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(c->state[i / 4] >> (24 - 8 * (i % 4)));
}
