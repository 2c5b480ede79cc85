// What RankerMath needs of oneDNN (Debian: libdnnl-dev): the float32 matrix product, on the
// calling thread alone. We share work among our own threads; OpenMP must not start more.
#ifndef LS_ONEDNN_SHIM_H
#define LS_ONEDNN_SHIM_H

#include <dlfcn.h>
#include <stddef.h>
#include <dnnl.h>

// C = op(A) op(B) + beta C, row-major; A is m x k, B is k x n. Returns 0 on success.
static inline int ls_onednn_sgemm(
    char transpose_a, char transpose_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a,
    ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c, ptrdiff_t ldc) {
    return dnnl_sgemm(transpose_a, transpose_b, m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc);
}

// OpenMP's function that sets how many threads calls from the calling thread may use. Looked up at
// run time: an oneDNN built without OpenMP has no such function and needs none.
typedef void (*ls_onednn_thread_setter)(int);
static inline ls_onednn_thread_setter ls_onednn_find_thread_setter(void) {
    return (ls_onednn_thread_setter)dlsym(NULL, "omp_set_num_threads");
}

#endif
