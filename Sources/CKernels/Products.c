// Matrix products for the shapes of a ranker: thousands of rows by a few dozen columns. One tile
// of C stays in registers while k runs; A is read one number (or pair) at a time and spread over
// a vector, B one vector at a time. Needs AVX-512; callers ask first and use a library otherwise.
// Where the processor has a matrix unit (AMX), pairs go through its own tiles.
#include "CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define LS_F32 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define LS_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define LS_TILES __attribute__((target("avx512f,avx512bw,avx512vl,amx-tile,amx-bf16")))
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

// The low halves of B's pairs as float32, then the high ones: both at once would not fit in
// registers.
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

// The matrix unit's registers are 8 KB that the system keeps for a thread only once its process has
// asked for them.
bool ls_request_tiles(void) {
#if defined(__linux__)
    const long request_permission = 0x1023, tile_data = 18;
    return ls_has_products_bf16() && __builtin_cpu_supports("amx-tile") &&
           __builtin_cpu_supports("amx-bf16") &&
           syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
}

// Rows of A, columns of B and pairs of k that one instruction takes.
#define LS_TILE_SIDE 16
// The unit eats B faster than the processor guesses where it goes on: its rows are asked for this
// many tiles ahead, and where a page lies (one of 64 columns is a tile) earlier still.
#define LS_TILES_AHEAD 2
#define LS_PAGES_AHEAD 6

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

// One tile of A against up to four of B, over all of k. Registers: 0 to 3 sums, 4 A, 5 to 7 B.
LS_TILES LS_INLINE void tile_columns(
    int vectors, const uint32_t *a, size_t lda, const uint32_t *b, size_t ldb, float *sum,
    size_t k) {
    _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);
    for (size_t step = 0; step < k; step += LS_TILE_SIDE, a += LS_TILE_SIDE) {
        const uint32_t *ahead = b + LS_TILES_AHEAD * LS_TILE_SIDE * ldb;
        _mm_prefetch((const char *)(b + LS_PAGES_AHEAD * LS_TILE_SIDE * ldb), _MM_HINT_T0);
        for (int row = 0; row < LS_TILE_SIDE; row++)
            LS_EACH_VECTOR _mm_prefetch((const char *)(ahead + row * ldb + 16 * j), _MM_HINT_T0);
        _tile_loadd(4, a, 4 * lda);
        _tile_loadd(5, b, 4 * ldb), _tile_dpbf16ps(0, 4, 5);
        if (vectors > 1) _tile_loadd(6, b + 16, 4 * ldb), _tile_dpbf16ps(1, 4, 6);
        if (vectors > 2) _tile_loadd(7, b + 32, 4 * ldb), _tile_dpbf16ps(2, 4, 7);
        if (vectors > 3) _tile_loadd(5, b + 48, 4 * ldb), _tile_dpbf16ps(3, 4, 5);
        b += LS_TILE_SIDE * ldb;
    }
    _tile_stored(0, sum, 256), _tile_stored(1, sum + 16, 256);
    _tile_stored(2, sum + 32, 256), _tile_stored(3, sum + 48, 256);
}

LS_TILES void ls_product_tiles(
    const uint32_t *a, size_t lda, const uint32_t *b, size_t ldb, float *c, size_t ldc, size_t m,
    size_t n, size_t k, const float *start, size_t ld_start) {
    _Alignas(64) float sum[LS_TILE_SIDE * 64];
    for (size_t i = 0; i < m; i += LS_TILE_SIDE) {
        size_t rows = m - i < LS_TILE_SIDE ? m - i : LS_TILE_SIDE;
        tile_shapes shapes = {.palette = 1};
        for (int tile = 0; tile < 8; tile++) {
            shapes.row_bytes[tile] = 64;
            shapes.rows[tile] = (uint8_t)(tile < 5 ? rows : LS_TILE_SIDE);
        }
        _tile_loadconfig(&shapes);
        for (size_t j = 0; j < n; j += 64) {
            const uint32_t *rows_of_a = a + i * lda, *columns_of_b = b + j;
            size_t columns = n - j < 64 ? n - j : 64;
            switch (columns / 16) {
                case 1: tile_columns(1, rows_of_a, lda, columns_of_b, ldb, sum, k); break;
                case 2: tile_columns(2, rows_of_a, lda, columns_of_b, ldb, sum, k); break;
                case 3: tile_columns(3, rows_of_a, lda, columns_of_b, ldb, sum, k); break;
                case 4: tile_columns(4, rows_of_a, lda, columns_of_b, ldb, sum, k); break;
            }
            for (size_t row = 0; row < rows; row++)
                for (size_t column = 0; column < columns; column += 16) {
                    const float *from = start + (i + row) * ld_start + j + column;
                    __m512 whole = _mm512_add_ps(
                        _mm512_load_ps(sum + row * 64 + column), _mm512_loadu_ps(from));
                    _mm512_storeu_ps(c + (i + row) * ldc + j + column, whole);
                }
        }
    }
    // Empty registers cost nothing when another thread comes.
    _tile_release();
}
#else
// Never called: the answer to the question is no.
bool ls_has_products_f32(void) { return false; }
bool ls_has_products_bf16(void) { return false; }
bool ls_prefers_widened_pairs(void) { return false; }
bool ls_request_tiles(void) { return false; }
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
void ls_product_tiles(
    const uint32_t *a, size_t lda, const uint32_t *b, size_t ldb, float *c, size_t ldc, size_t m,
    size_t n, size_t k, const float *start, size_t ld_start) {
    __builtin_trap();
}
#endif
