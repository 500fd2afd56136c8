/* Where the patches of one picture lie in another. */
#include "CKernels.h"
#include <math.h>

static inline int clamp(int value, int limit) { return value < 0 ? 0 : value >= limit ? limit - 1 : value; }

/* The sum of squared differences of two patches; beyond the border the border's pixels count. Stops at `bound`. */
static float difference(const float *a, int ay, int ax, const float *b, int by, int bx, int height, int width, int radius, float bound)
{
    float sum = 0;
    for (int dy = -radius; dy <= radius; dy++) {
        const float *p = a + (size_t)clamp(ay + dy, height) * width * 3;
        const float *q = b + (size_t)clamp(by + dy, height) * width * 3;
        for (int dx = -radius; dx <= radius; dx++) {
            const float *u = p + 3 * clamp(ax + dx, width), *v = q + 3 * clamp(bx + dx, width);
            float d0 = u[0] - v[0], d1 = u[1] - v[1], d2 = u[2] - v[2];
            sum += d0 * d0 + d1 * d1 + d2 * d2;
        }
        if (sum >= bound) return sum;
    }
    return sum;
}

void ck_match_patches(const float *a, const float *b, int height, int width, const int32_t *centres, size_t count, int radius,
                      int reach, float cost_per_pixel, float *costs, int32_t *places)
{
    float samples = (float)(3 * (2 * radius + 1) * (2 * radius + 1));
    for (size_t i = 0; i < count; i++) {
        int row = centres[i] / width, column = centres[i] % width;
        float best = difference(a, row, column, b, row, column, height, width, radius, INFINITY) / samples;
        int32_t place = centres[i];
        for (int dy = -reach; dy <= reach; dy++) {
            int y = row + dy;
            if (y < 0 || y >= height) continue;
            for (int dx = -reach; dx <= reach; dx++) {
                int x = column + dx;
                if (x < 0 || x >= width) continue;
                float way = cost_per_pixel * sqrtf((float)(dy * dy + dx * dx));
                if (way >= best) continue;
                float cost = way + difference(a, row, column, b, y, x, height, width, radius, (best - way) * samples) / samples;
                if (cost < best) {
                    best = cost;
                    place = y * width + x;
                }
            }
        }
        costs[i] = best;
        places[i] = place;
    }
}
