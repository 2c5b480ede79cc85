// Exact widening of 16-bit features, and the greatest of many numbers. The instruction that
// converts float16 is chosen by hand: without it the compiler would call a function per element.
#include "CKernels.h"
#include "Dispatch.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static inline float widen_one(uint16_t half) {
    // Shifted into place the exponent is 112 too small; the product is exact, also for subnormals.
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
    float value;
    memcpy(&value, &magnitude, 4);
    value *= 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if (magnitude >= 0x0f800000u) bits |= 0x7f800000u;  // infinity or not a number
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, 4);
    return value;
}

static void widen_portable(const uint16_t *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = widen_one(x[i]);
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void widen_avx512(
    const uint16_t *x, float *y, size_t count) {
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(x + i))));
    widen_portable(x + i, y + i, count - i);
}

__attribute__((target("avx,f16c"))) static void widen_f16c(
    const uint16_t *x, float *y, size_t count) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
    widen_portable(x + i, y + i, count - i);
}
#endif

void ls_widen_f16(const uint16_t *x, float *y, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return widen_avx512(x, y, count);
    if (__builtin_cpu_supports("f16c")) return widen_f16c(x, y, count);
#endif
    widen_portable(x, y, count);
}

LS_DISPATCH void ls_widen_bf16(const uint16_t *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, 4);
    }
}

LS_DISPATCH uint16_t ls_greatest_16(const void *x, size_t count) {
    uint16_t greatest = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, (const char *)x + 2 * i, 2);
        bits &= 0x7fff;
        greatest = bits > greatest ? bits : greatest;
    }
    return greatest;
}

LS_DISPATCH uint32_t ls_greatest_32(const void *x, size_t count) {
    uint32_t greatest = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)x + 4 * i, 4);
        bits &= 0x7fffffffu;
        greatest = bits > greatest ? bits : greatest;
    }
    return greatest;
}
