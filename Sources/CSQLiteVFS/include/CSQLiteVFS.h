#ifndef SIDELIGHT_CSQLITEVFS_H
#define SIDELIGHT_CSQLITEVFS_H

#include <stdint.h>

/// The name of the VFS.
#define SIDELIGHT_VFS_NAME "sidelight"

/// Registers the VFS `sidelight`, a wrapper around the platform's default one, and makes it the default.
/// May be called from any thread, any number of times. Returns an SQLite result code.
int sidelight_vfs_register(void);

/// Calls that a fault can hit: a set of bits.
enum {
    SIDELIGHT_VFS_WRITE = 1,
    SIDELIGHT_VFS_SYNC = 2,
    SIDELIGHT_VFS_TRUNCATE = 4,
    SIDELIGHT_VFS_READ = 8,
    SIDELIGHT_VFS_OPEN = 16,
};

/// Makes calls fail, for tests. With no fault installed a call pays one relaxed atomic load.
typedef struct sidelight_vfs_fault {
    /// Only files whose path contains this; NULL: all files. Copied; at most 255 bytes.
    const char *path_contains;
    /// Bits of SIDELIGHT_VFS_….
    int operations;
    /// Matching calls that still succeed before the first failure.
    int64_t after;
    /// Failures until the fault is used up; 0: for ever.
    int64_t times;
    /// The result code of the failing call, such as SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC.
    int code;
    /// If not negative: no counting; instead the matching files may grow by this many bytes together,
    /// and a write beyond fails with SQLITE_FULL. Truncating and deleting give nothing back.
    int64_t quota_bytes;
} sidelight_vfs_fault;

/// Installs a fault; returns its number, or -1 if 16 are installed or the path is too long.
int sidelight_vfs_add_fault(const sidelight_vfs_fault *fault);
/// Removes one fault; a number that is not installed does nothing.
void sidelight_vfs_remove_fault(int number);
/// Calls that this fault has made fail since it was installed.
int64_t sidelight_vfs_fault_hits(int number);

/// What went through the VFS since the program started. Reads through memory maps are not seen.
typedef struct sidelight_vfs_counters {
    int64_t reads;
    int64_t read_bytes;
    int64_t writes;
    int64_t written_bytes;
    int64_t syncs;
    int64_t truncates;
    int64_t opens;
    int64_t injected_faults;
} sidelight_vfs_counters;

sidelight_vfs_counters sidelight_vfs_read_counters(void);

#endif
