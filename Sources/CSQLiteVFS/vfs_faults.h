#ifndef SIDELIGHT_VFS_FAULTS_H
#define SIDELIGHT_VFS_FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

/// Number of faults installed: zero on every path but those of tests.
extern atomic_int sidelight_faults_armed;

/// The slow path: the result code for a call on `path` that would make the file grow by `growth` bytes;
/// 0 if it may go on.
int sidelight_faults_judge(const char *path, int operation, int64_t growth);

static inline int sidelight_faults_are_armed(void) {
    return atomic_load_explicit(&sidelight_faults_armed, memory_order_relaxed) != 0;
}

#endif
