// Brings stored features and float32 numbers into the order in which the products of Products.c
// read them. A pair is two bfloat16 numbers in one 32-bit word, the first in its low half.
#include "CKernels.h"

#include <string.h>

// Blocks of 16 keep both sides of a transposition in cache lines already fetched.
void ls_transpose(
    const float *w, size_t ldw, float *t, size_t ldt, size_t rows, size_t columns) {
    for (size_t r0 = 0; r0 < rows; r0 += 16)
        for (size_t c0 = 0; c0 < columns; c0 += 16) {
            size_t r1 = r0 + 16 < rows ? r0 + 16 : rows;
            size_t c1 = c0 + 16 < columns ? c0 + 16 : columns;
            for (size_t c = c0; c < c1; c++)
                for (size_t r = r0; r < r1; r++) t[c * ldt + r] = w[r * ldw + c];
        }
}

void ls_prefetch(const void *x, size_t byte_count) {
    for (size_t i = 0; i < byte_count; i += 64) __builtin_prefetch((const char *)x + i, 0, 2);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define LS_WIDE __attribute__((target("avx512f,avx512bw,avx512vl")))
#define LS_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define LS_INLINE static inline __attribute__((always_inline))

static __mmask16 lanes(size_t count) {
    return count >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << count) - 1);
}

// Numbers `index` to `index + 15` of a stored row, those past the end zero.
LS_WIDE LS_INLINE __m512 load(ls_stored type, const void *x, size_t index, __mmask16 mask) {
    if (type == LS_STORED_F32) return _mm512_maskz_loadu_ps(mask, (const float *)x + index);
    __m256i half = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)x + index);
    if (type == LS_STORED_F16) return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

LS_BF16 LS_INLINE __m512i pair(__m512 first, __m512 second) {
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

LS_WIDE LS_INLINE void widen_panels(
    ls_stored type, const void *x, float *y, size_t count, size_t stride) {
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = lanes(count - i);
        _mm512_mask_storeu_ps(y + i / 64 * stride + i % 64, mask, load(type, x, i, mask));
    }
}

LS_BF16 LS_INLINE void pair_panels(
    ls_stored type, const void *x0, const void *x1, uint32_t *y, size_t count, size_t stride) {
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = lanes(count - i);
        __m512 first = load(type, x0, i, mask), second = load(type, x1, i, mask);
        _mm512_mask_storeu_epi32(y + i / 64 * stride + i % 64, mask, pair(first, second));
    }
}

LS_BF16 LS_INLINE void round_bf16(ls_stored type, const void *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = lanes(count - i);
        __m256i half = (__m256i)_mm512_cvtneps_pbh(load(type, x, i, mask));
        __m512i whole = _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
        _mm512_mask_storeu_epi32(y + i, mask, whole);
    }
    if (count % 2) y[count] = 0;
}

LS_BF16 LS_INLINE void narrow(ls_stored type, const void *x, uint32_t *y, size_t count) {
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m512 low = load(type, x, i, 0xffff), high = load(type, x, i + 16, 0xffff);
        _mm512_storeu_si512(y + i / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    if (i == count) return;
    size_t left = count - i;
    __m512 low = load(type, x, i, lanes(left));
    __m512 high = left > 16 ? load(type, x, i + 16, lanes(left - 16)) : _mm512_setzero_ps();
    _mm512_mask_storeu_epi32(
        y + i / 2, lanes((left + 1) / 2), (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

#define LS_EACH(CALL)                                                                             \
    switch (type) {                                                                               \
        case LS_STORED_F16: CALL(LS_STORED_F16); break;                                           \
        case LS_STORED_BF16: CALL(LS_STORED_BF16); break;                                         \
        case LS_STORED_F32: CALL(LS_STORED_F32); break;                                           \
    }

LS_WIDE void ls_widen_panels(
    ls_stored type, const void *x, float *y, size_t count, size_t stride) {
#define LS_CALL(T) widen_panels(T, x, y, count, stride)
    LS_EACH(LS_CALL)
#undef LS_CALL
}

LS_BF16 void ls_pair_panels(
    ls_stored type, const void *x0, const void *x1, uint32_t *y, size_t count, size_t stride) {
#define LS_CALL(T) pair_panels(T, x0, x1, y, count, stride)
    LS_EACH(LS_CALL)
#undef LS_CALL
}

LS_BF16 void ls_narrow(ls_stored type, const void *x, uint32_t *y, size_t count) {
#define LS_CALL(T) narrow(T, x, y, count)
    LS_EACH(LS_CALL)
#undef LS_CALL
}

LS_BF16 void ls_round_bf16(ls_stored type, const void *x, float *y, size_t count) {
#define LS_CALL(T) round_bf16(T, x, y, count)
    LS_EACH(LS_CALL)
#undef LS_CALL
}

LS_BF16 void ls_pair_rows(const float *x, uint32_t *y, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r += 2, x += 2 * width, y += width)
        for (size_t c = 0; c < width; c += 16) {
            __mmask16 mask = lanes(width - c);
            __m512 second = r + 1 < rows ? _mm512_maskz_loadu_ps(mask, x + width + c)
                                         : _mm512_setzero_ps();
            __m512i words = pair(_mm512_maskz_loadu_ps(mask, x + c), second);
            _mm512_mask_storeu_epi32(y + c, mask, words);
        }
}

LS_BF16 void ls_pair_columns(
    const float *w, size_t ldw, uint32_t *t, size_t ldt, size_t rows, size_t columns) {
    // Rows become lanes: transposed through a small block, 16 rows by 16 columns at a time.
    float block[16][16];
    for (size_t r = 0; r < rows; r += 16)
        for (size_t c = 0; c < columns; c += 16) {
            size_t height = rows - r < 16 ? rows - r : 16;
            size_t width = columns - c < 16 ? columns - c : 16;
            memset(block, 0, sizeof block);
            for (size_t i = 0; i < height; i++)
                for (size_t j = 0; j < width; j++) block[j][i] = w[(r + i) * ldw + c + j];
            for (size_t j = 0; j < width; j += 2) {
                __m512i words = pair(_mm512_loadu_ps(block[j]), _mm512_loadu_ps(block[j + 1]));
                _mm512_mask_storeu_epi32(t + (c + j) / 2 * ldt + r, lanes(height), words);
            }
        }
}
#else
// Never called: see Products.c.
void ls_widen_panels(ls_stored type, const void *x, float *y, size_t count, size_t stride) {
    __builtin_trap();
}
void ls_pair_panels(
    ls_stored type, const void *x0, const void *x1, uint32_t *y, size_t count, size_t stride) {
    __builtin_trap();
}
void ls_narrow(ls_stored type, const void *x, uint32_t *y, size_t count) { __builtin_trap(); }
void ls_round_bf16(ls_stored type, const void *x, float *y, size_t count) { __builtin_trap(); }
void ls_pair_rows(const float *x, uint32_t *y, size_t rows, size_t width) { __builtin_trap(); }
void ls_pair_columns(
    const float *w, size_t ldw, uint32_t *t, size_t ldt, size_t rows, size_t columns) {
    __builtin_trap();
}
#endif
