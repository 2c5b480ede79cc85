// One source, three instruction sets: the loader picks the widest one the processor has, so that
// one binary runs everywhere and no -march is needed.
#ifndef LS_DISPATCH_H
#define LS_DISPATCH_H

// Sanitizers instrument the loader's choice before they are ready for it, and crash: no choice
// there.
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define LS_DISPATCH
#elif defined(__x86_64__) && defined(__linux__)
#define LS_DISPATCH __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LS_DISPATCH
#endif

// Lets the compiler sum in vector lanes and fuse multiply with add: the order is fixed in the
// binary, so equal inputs still give equal bytes.
#define LS_REASSOCIATE _Pragma("clang fp reassociate(on) contract(fast)")

#endif
