// Attention inside one group of candidates (E3): a dozen tokens, so loops over 16 lanes beat a
// matrix product. No mask and no positions: the result does not depend on the order of the
// candidates.
#include "CKernels.h"
#include "Dispatch.h"
#include "Exponential.h"

#include <math.h>

// Only functions that are always inlined pass vectors: no call depends on how they are passed.
#pragma clang diagnostic ignored "-Wpsabi"

#define LANES 16
#define LS_INLINE static inline __attribute__((always_inline))

// 16 numbers in however many registers the processor needs for them.
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t int_lanes __attribute__((vector_size(4 * LANES)));

LS_INLINE lanes load(const float *x) { return *(const lanes *)x; }
LS_INLINE void store(float *x, lanes value) { *(lanes *)x = value; }
LS_INLINE lanes pick(int_lanes mask, lanes yes, lanes no) {
    return (lanes)((mask & (int_lanes)yes) | (~mask & (int_lanes)no));
}

// exp_negative of 16 numbers; what is below -87, minus infinity included, gives 0.
LS_INLINE lanes exp_lanes(lanes x) {
    int_lanes tiny = x < -87.0f;
    lanes clamped = __builtin_elementwise_max(x, (lanes){} - 87.0f);
    lanes n = clamped * 1.44269504f + 12582912.0f;
    n = n - 12582912.0f;
    lanes f = clamped - n * 0.693359375f + n * 2.12194440e-4f;
    lanes p = 1.9875691500e-4f * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * f * f + f + 1.0f;
    int_lanes scale = (__builtin_convertvector(n, int_lanes) + 127) << 23;
    return pick(tiny, (lanes){}, p * (lanes)scale);
}

// Lanes are combined in halves: an order of our own, the same everywhere.
#define LS_HALVES(NAME, COMBINE)                                                                  \
    LS_INLINE float NAME(lanes x) {                                                               \
        lanes y = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5,   \
                                          6, 7);                                                  \
        x = COMBINE;                                                                              \
        y = __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);  \
        x = COMBINE;                                                                              \
        y = __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);  \
        x = COMBINE;                                                                              \
        y = __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);  \
        x = COMBINE;                                                                              \
        return x[0];                                                                              \
    }
LS_HALVES(greatest, __builtin_elementwise_max(x, y))
LS_HALVES(total, x + y)

// t [size, length] = x [tokens, size]', lanes from `tokens` on zero.
LS_INLINE void transpose(
    const float *x, size_t stride, float *t, size_t tokens, size_t length, size_t size) {
    for (size_t c = 0; c < size; c++)
        for (size_t b = tokens & ~(size_t)(LANES - 1); b < length; b += LANES)
            store(t + c * length + b, (lanes){});
    for (size_t j = 0; j < tokens; j++)
        for (size_t c = 0; c < size; c++) t[c * length + j] = x[j * stride + c];
}

// y [length] = x [size] t [size, length]
LS_INLINE void dots(const float *x, const float *t, float *y, size_t length, size_t size) {
    LS_REASSOCIATE
    for (size_t b = 0; b < length; b += LANES) {
        lanes even = {}, odd = {};
        size_t c = 0;
        for (; c + 2 <= size; c += 2) {
            even += x[c] * load(t + c * length + b);
            odd += x[c + 1] * load(t + (c + 1) * length + b);
        }
        if (c < size) even += x[c] * load(t + c * length + b);
        store(y + b, even + odd);
    }
}

// y [size] = sum over `terms` of w[t w_step] x[t x_step + ...]
LS_INLINE void combine(
    const float *w, size_t w_step, const float *x, size_t x_step, float *y, size_t terms,
    size_t size) {
    LS_REASSOCIATE
    size_t c = 0;
    for (; c + LANES <= size; c += LANES) {
        lanes sum = {};
        for (size_t t = 0; t < terms; t++) sum += w[t * w_step] * load(x + t * x_step + c);
        store(y + c, sum);
    }
    for (; c < size; c++) {
        float sum = 0;
        for (size_t t = 0; t < terms; t++) sum += w[t * w_step] * x[t * x_step + c];
        y[c] = sum;
    }
}

// p [length] from dots to probabilities; lanes from `tokens` on become zero.
LS_INLINE void softmax(float *p, size_t tokens, size_t length, float scale) {
    const int_lanes index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    int_lanes unused = index >= (int32_t)(tokens - (length - LANES));
    lanes last = pick(unused, (lanes){} - INFINITY, load(p + length - LANES));
    lanes top = last;
    for (size_t b = 0; b + LANES < length; b += LANES)
        top = __builtin_elementwise_max(top, load(p + b));
    float most = greatest(top);
    last = exp_lanes((last - most) * scale);
    lanes sum = last;
    for (size_t b = 0; b + LANES < length; b += LANES) {
        lanes x = exp_lanes((load(p + b) - most) * scale);
        sum += x;
        store(p + b, x);
    }
    float inverse = 1.0f / total(sum);
    store(p + length - LANES, last * inverse);
    for (size_t b = 0; b + LANES < length; b += LANES) store(p + b, load(p + b) * inverse);
}

// d [length] from the gradient of probabilities p to that of the dots they came from.
LS_INLINE void to_logits(const float *p, float *d, size_t length, float scale) {
    lanes sum = {};
    for (size_t b = 0; b < length; b += LANES) sum += load(d + b) * load(p + b);
    float along = total(sum);
    for (size_t b = 0; b < length; b += LANES)
        store(d + b, load(p + b) * (load(d + b) - along) * scale);
}

LS_DISPATCH void ls_attention(
    const float *qkv, float *probabilities, float *y, float *scratch, size_t tokens, size_t width,
    size_t heads) {
    size_t size = width / heads, stride = 3 * width;
    size_t length = (tokens + LANES - 1) / LANES * LANES;
    float scale = 1.0f / sqrtf((float)size);
    transpose(qkv + width, stride, scratch, tokens, length, width);
    for (size_t h = 0; h < heads; h++) {
        const float *q = qkv + h * size, *v = q + 2 * width;
        const float *transposed = scratch + h * size * length;
        float *p = probabilities + h * tokens * length;
        // Each step for all rows before the next: rows do not wait for each other.
        for (size_t i = 0; i < tokens; i++)
            dots(q + i * stride, transposed, p + i * length, length, size);
        for (size_t i = 0; i < tokens; i++) softmax(p + i * length, tokens, length, scale);
        for (size_t i = 0; i < tokens; i++)
            combine(p + i * length, 1, v, stride, y + i * width + h * size, tokens, size);
    }
}

LS_DISPATCH void ls_attention_backward(
    const float *qkv, const float *probabilities, const float *dy, float *dqkv, float *scratch,
    size_t tokens, size_t width, size_t heads) {
    LS_REASSOCIATE
    size_t size = width / heads, stride = 3 * width;
    size_t length = (tokens + LANES - 1) / LANES * LANES;
    float scale = 1.0f / sqrtf((float)size);
    float *ds = scratch + width * length;
    transpose(qkv + 2 * width, stride, scratch, tokens, length, width);
    for (size_t h = 0; h < heads; h++) {
        const float *q = qkv + h * size, *k = q + width;
        const float *transposed = scratch + h * size * length;
        const float *g = dy + h * size, *p = probabilities + h * tokens * length;
        float *dq = dqkv + h * size, *dk = dq + width, *dv = dk + width;
        for (size_t i = 0; i < tokens; i++)
            dots(g + i * width, transposed, ds + i * length, length, size);
        for (size_t i = 0; i < tokens; i++)
            to_logits(p + i * length, ds + i * length, length, scale);
        for (size_t i = 0; i < tokens; i++) {
            combine(ds + i * length, 1, k, stride, dq + i * stride, tokens, size);
            combine(ds + i, length, q, stride, dk + i * stride, tokens, size);
            combine(p + i, length, g, width, dv + i * stride, tokens, size);
        }
    }
}
