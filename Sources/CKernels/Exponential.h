// exp for arguments that are never positive, as softmax and the normal density have them: a
// polynomial without branches, so that loops over it run in vector lanes.
#ifndef LS_EXPONENTIAL_H
#define LS_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

// exp(x) for x <= 0, relative error about 1e-7; 0 below -87.
static inline float exp_negative(float x) {
    float clamped = x < -87.0f ? -87.0f : x;
    // n = round(x / ln 2), by adding and taking away 1.5 * 2^23
    float shifted = clamped * 1.44269504f + 12582912.0f;
    float n = shifted - 12582912.0f;
    float f = clamped - n * 0.693359375f;
    f = f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * f * f + f + 1.0f;
    int32_t bits = ((int32_t)n + 127) << 23;
    float scale;
    memcpy(&scale, &bits, 4);
    return x < -87.0f ? 0.0f : p * scale;
}

#endif
