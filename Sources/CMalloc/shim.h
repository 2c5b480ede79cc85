// What lscoord asks of the C library and Swift does not import: glibc's allocator (of other C
// libraries nothing is asked), and the cores this process may run on.
#ifndef LS_MALLOC_SHIM_H
#define LS_MALLOC_SHIM_H

#include <malloc.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

// At most so many heaps for all threads; blocks from `own_mapping` bytes on are mapped for
// themselves; a heap's unused end goes back to the system from `kept` bytes on.
static inline void ls_malloc_bound(int heap_count, int own_mapping, int kept) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, heap_count);
    mallopt(M_MMAP_THRESHOLD, own_mapping);
    mallopt(M_TRIM_THRESHOLD, kept);
#endif
}

// Bytes of the heaps that nobody uses. Those given back already count, too.
static inline size_t ls_malloc_unused(void) {
#ifdef __GLIBC__
    return mallinfo2().fordblks;
#else
    return 0;
#endif
}

// Whole pages that nobody uses go back to the system, wherever they lie.
static inline void ls_malloc_give_back(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

// Cores that this process may run on: fewer than the machine has under taskset or a cpuset. 0: not
// known.
static inline int ls_core_count(void) {
    unsigned long mask[64] = {0};
    const long size = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (long word = 0; word * (long)sizeof mask[0] < size; word++)
        count += __builtin_popcountl(mask[word]);
    return count;
}

#endif
