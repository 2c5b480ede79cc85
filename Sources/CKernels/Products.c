// Matrix products for the shapes of a ranker: thousands of rows by a few dozen columns. One tile
// of C stays in registers while k runs; A is read one number (or pair) at a time and spread over
// a vector, B one vector at a time. Needs AVX-512; callers ask first and use a library otherwise.
#include "CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define LS_F32 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define LS_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define LS_INLINE static inline __attribute__((always_inline))

bool ls_has_products_f32(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}
bool ls_has_products_bf16(void) {
    return ls_has_products_f32() && __builtin_cpu_supports("avx512bf16");
}

// vdpbf16ps multiplies twice as much as an FMA. On AMD's cores it takes as long as one; on Intel's
// (Sapphire Rapids) as long as four.
bool ls_prefers_widened_pairs(void) { return __builtin_cpu_is("intel"); }

// Steps between what is asked for and what is multiplied: B often lies beyond the second cache, and
// the processor's own guess follows one stream slower than the tile could eat it.
#define LS_AHEAD 16

#define LS_EACH_ROW _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++)
#define LS_EACH_VECTOR _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++)
// The tile's vectors: all full but the last, of which `last` names the lanes.
#define LS_LANES (j == vectors - 1 ? last : (__mmask16)0xffff)

// `start` is added at the end: sums of blocks of k, not one long sum, keep rounding small.
#define LS_TILE(NAME, TARGET, A_TYPE, B_TYPE, STEP)                                               \
    TARGET LS_INLINE void NAME(                                                                   \
        int rows, int vectors, const A_TYPE *a, size_t a_row, size_t a_k, const B_TYPE *b,        \
        size_t ldb, float *c, size_t ldc, size_t k, const float *start, size_t ld_start,          \
        __mmask16 last) {                                                                         \
        __m512 sum[6][4];                                                                         \
        LS_EACH_ROW LS_EACH_VECTOR sum[i][j] = _mm512_setzero_ps();                               \
        for (size_t step = 0; step < k; step++, a += a_k, b += ldb) {                             \
            LS_EACH_VECTOR _mm_prefetch(                                                          \
                (const char *)(b + LS_AHEAD * ldb + 16 * j), _MM_HINT_T0);                        \
            __m512 row[4];                                                                        \
            STEP                                                                                  \
        }                                                                                         \
        LS_EACH_ROW LS_EACH_VECTOR {                                                              \
            if (start)                                                                            \
                sum[i][j] = _mm512_add_ps(                                                        \
                    sum[i][j],                                                                    \
                    _mm512_maskz_loadu_ps(LS_LANES, start + i * ld_start + 16 * j));              \
            _mm512_mask_storeu_ps(c + i * ldc + 16 * j, LS_LANES, sum[i][j]);                     \
        }                                                                                         \
    }

LS_TILE(tile_f32, LS_F32, float, float, {
    LS_EACH_VECTOR row[j] = _mm512_maskz_loadu_ps(LS_LANES, b + 16 * j);
    LS_EACH_ROW {
        __m512 spread = _mm512_set1_ps(a[i * a_row]);
        LS_EACH_VECTOR sum[i][j] = _mm512_fmadd_ps(spread, row[j], sum[i][j]);
    }
})

LS_TILE(tile_bf16, LS_BF16, uint32_t, uint32_t, {
    LS_EACH_VECTOR row[j] = _mm512_maskz_loadu_ps(LS_LANES, b + 16 * j);
    LS_EACH_ROW {
        __m512bh spread = (__m512bh)_mm512_set1_epi32((int)a[i * a_row]);
        LS_EACH_VECTOR sum[i][j] = _mm512_dpbf16_ps(sum[i][j], spread, (__m512bh)row[j]);
    }
})

// The low halves of B's pairs as float32, then the high ones: both at once would not fit in registers.
LS_TILE(tile_widened, LS_F32, float, uint32_t, {
    LS_EACH_VECTOR row[j] =
        (__m512)_mm512_slli_epi32(_mm512_maskz_loadu_epi32(LS_LANES, b + 16 * j), 16);
    LS_EACH_ROW {
        __m512 spread = _mm512_set1_ps(a[i * a_row]);
        LS_EACH_VECTOR sum[i][j] = _mm512_fmadd_ps(spread, row[j], sum[i][j]);
    }
    LS_EACH_VECTOR row[j] = (__m512)_mm512_and_epi32(
        _mm512_maskz_loadu_epi32(LS_LANES, b + 16 * j), _mm512_set1_epi32((int)0xffff0000));
    LS_EACH_ROW {
        __m512 spread = _mm512_set1_ps(a[i * a_row + 1]);
        LS_EACH_VECTOR sum[i][j] = _mm512_fmadd_ps(spread, row[j], sum[i][j]);
    }
})

#define LS_ROWS(TILE, R, V)                                                                       \
    case R:                                                                                       \
        TILE(R, V, a, a_row, a_k, b, ldb, c, ldc, k, start, ld_start, last);                      \
        break;
#define LS_VECTORS(TILE, V)                                                                       \
    case V:                                                                                       \
        switch (rows) {                                                                           \
            LS_ROWS(TILE, 1, V)                                                                   \
            LS_ROWS(TILE, 2, V)                                                                   \
            LS_ROWS(TILE, 3, V)                                                                   \
            LS_ROWS(TILE, 4, V)                                                                   \
            LS_ROWS(TILE, 5, V)                                                                   \
            LS_ROWS(TILE, 6, V)                                                                   \
        }                                                                                         \
        break;
#define LS_ANY(NAME, TARGET, A_TYPE, B_TYPE, TILE)                                                \
    TARGET static void NAME(                                                                      \
        size_t rows, size_t columns, const A_TYPE *a, size_t a_row, size_t a_k, const B_TYPE *b,  \
        size_t ldb, float *c, size_t ldc, size_t k, const float *start, size_t ld_start) {        \
        __mmask16 last = (__mmask16)(0xffffu >> (15 - (columns - 1) % 16));                       \
        switch ((columns + 15) / 16) {                                                            \
            LS_VECTORS(TILE, 1)                                                                   \
            LS_VECTORS(TILE, 2)                                                                   \
            LS_VECTORS(TILE, 3)                                                                   \
            LS_VECTORS(TILE, 4)                                                                   \
        }                                                                                         \
    }                                                                                             \
    TARGET void ls_product_##NAME(                                                                \
        const A_TYPE *a, size_t a_row, size_t a_k, const B_TYPE *b, size_t ldb, float *c,         \
        size_t ldc, size_t m, size_t n, size_t k, const float *start, size_t ld_start) {          \
        for (size_t j = 0; j < n; j += 64) {                                                      \
            size_t columns = n - j < 64 ? n - j : 64;                                             \
            for (size_t i = 0; i < m; i += 6) {                                                   \
                size_t rows = m - i < 6 ? m - i : 6;                                              \
                NAME(                                                                             \
                    rows, columns, a + i * a_row, a_row, a_k, b + j, ldb, c + i * ldc + j, ldc,   \
                    k, start ? start + i * ld_start + j : 0, ld_start);                           \
            }                                                                                     \
        }                                                                                         \
    }

LS_ANY(f32, LS_F32, float, float, tile_f32)
LS_ANY(bf16, LS_BF16, uint32_t, uint32_t, tile_bf16)
LS_ANY(widened, LS_F32, float, uint32_t, tile_widened)
#else
// Never called: the answer to the question is no.
bool ls_has_products_f32(void) { return false; }
bool ls_has_products_bf16(void) { return false; }
bool ls_prefers_widened_pairs(void) { return false; }
void ls_product_f32(
    const float *a, size_t a_row, size_t a_k, const float *b, size_t ldb, float *c, size_t ldc,
    size_t m, size_t n, size_t k, const float *start, size_t ld_start) {
    __builtin_trap();
}
void ls_product_bf16(
    const uint32_t *a, size_t a_row, size_t a_k, const uint32_t *b, size_t ldb, float *c,
    size_t ldc, size_t m, size_t n, size_t k, const float *start, size_t ld_start) {
    __builtin_trap();
}
void ls_product_widened(
    const float *a, size_t a_row, size_t a_k, const uint32_t *b, size_t ldb, float *c, size_t ldc,
    size_t m, size_t n, size_t k, const float *start, size_t ld_start) {
    __builtin_trap();
}
#endif
