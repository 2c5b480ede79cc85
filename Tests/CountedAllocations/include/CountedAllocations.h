// Counts what the calling thread allocates, so that a test can say: nothing.
#ifndef LS_COUNTED_ALLOCATIONS_H
#define LS_COUNTED_ALLOCATIONS_H

#include <stdbool.h>

// Calls of malloc and its kin by this thread since it began.
unsigned long ls_allocation_count(void);
// False under a sanitizer, which brings an allocator of its own.
bool ls_allocations_are_counted(void);

#endif
