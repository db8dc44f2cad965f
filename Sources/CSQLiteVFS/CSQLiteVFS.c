// A VFS that hands every call on to the platform's default one, counts, and lets tests make calls fail
// (https://www.sqlite.org/vfs.html). Locking, shared memory and memory maps are the default's own: with a
// method table of the same version as the wrapped file's, SQLite sees exactly what that file can do.

#include "CSQLiteVFS.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include "vfs_faults.h"

// ---- Counters: reads come from many threads, so each pair has a cache line of its own.

typedef struct {
    alignas(64) atomic_llong calls;
    atomic_llong bytes;
} counter;

static counter reads, writes, syncs, truncates, opens, injected;

static void count(counter *c, int64_t bytes) {
    atomic_fetch_add_explicit(&c->calls, 1, memory_order_relaxed);
    if (bytes > 0) atomic_fetch_add_explicit(&c->bytes, bytes, memory_order_relaxed);
}

static int64_t calls_of(counter *c) {
    return atomic_load_explicit(&c->calls, memory_order_relaxed);
}

sidelight_vfs_counters sidelight_vfs_read_counters(void) {
    return (sidelight_vfs_counters){
        .reads = calls_of(&reads),
        .read_bytes = atomic_load_explicit(&reads.bytes, memory_order_relaxed),
        .writes = calls_of(&writes),
        .written_bytes = atomic_load_explicit(&writes.bytes, memory_order_relaxed),
        .syncs = calls_of(&syncs),
        .truncates = calls_of(&truncates),
        .opens = calls_of(&opens),
        .injected_faults = calls_of(&injected),
    };
}

// ---- Files

/// The wrapped file lies behind this structure in the memory that SQLite provides.
typedef struct {
    sqlite3_file base;
    /// Valid until the file is closed (sqlite3_vfs.xOpen); NULL for temporary files.
    const char *path;
    sqlite3_file *real;
} wrapped_file;

/// The size of `wrapped_file`, such that what follows it is aligned for anything.
enum { WRAPPER_BYTES = (sizeof(wrapped_file) + 15) / 16 * 16 };

static sqlite3_file *real_file(sqlite3_file *file) { return ((wrapped_file *)file)->real; }

/// The result code of an installed fault; 0 if the call is to go on.
static int fault(sqlite3_file *file, int operation, int64_t growth) {
    int code = sidelight_faults_judge(((wrapped_file *)file)->path, operation, growth);
    if (code != SQLITE_OK) count(&injected, 0);
    return code;
}

static int file_close(sqlite3_file *file) {
    sqlite3_file *real = real_file(file);
    return real->pMethods != NULL ? real->pMethods->xClose(real) : SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 offset) {
    count(&reads, length);
    if (sidelight_faults_are_armed()) {
        int code = fault(file, SIDELIGHT_VFS_READ, 0);
        if (code != SQLITE_OK) return code;
    }
    sqlite3_file *real = real_file(file);
    return real->pMethods->xRead(real, bytes, length, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset) {
    sqlite3_file *real = real_file(file);
    count(&writes, length);
    if (sidelight_faults_are_armed()) {
        sqlite3_int64 size = 0;
        if (real->pMethods->xFileSize(real, &size) != SQLITE_OK) return SQLITE_IOERR_FSTAT;
        int64_t growth = offset + length > size ? offset + length - size : 0;
        int code = fault(file, SIDELIGHT_VFS_WRITE, growth);
        if (code != SQLITE_OK) return code;
    }
    return real->pMethods->xWrite(real, bytes, length, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    sqlite3_file *real = real_file(file);
    count(&truncates, 0);
    if (sidelight_faults_are_armed()) {
        int code = fault(file, SIDELIGHT_VFS_TRUNCATE, 0);
        if (code != SQLITE_OK) return code;
    }
    return real->pMethods->xTruncate(real, size);
}

static int file_sync(sqlite3_file *file, int flags) {
    sqlite3_file *real = real_file(file);
    count(&syncs, 0);
    if (sidelight_faults_are_armed()) {
        int code = fault(file, SIDELIGHT_VFS_SYNC, 0);
        if (code != SQLITE_OK) return code;
    }
    return real->pMethods->xSync(real, flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xFileSize(real, size);
}

static int file_lock(sqlite3_file *file, int level) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xLock(real, level);
}

static int file_unlock(sqlite3_file *file, int level) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xUnlock(real, level);
}

static int file_check_reserved_lock(sqlite3_file *file, int *result) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xCheckReservedLock(real, result);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    sqlite3_file *real = real_file(file);
    // A size hint allocates blocks ahead of the writes: a quota or a failing disk has to see it.
    if (operation == SQLITE_FCNTL_SIZE_HINT && sidelight_faults_are_armed()) {
        return SQLITE_NOTFOUND;
    }
    int code = real->pMethods->xFileControl(real, operation, argument);
    if (operation == SQLITE_FCNTL_VFSNAME && code == SQLITE_OK) {
        char **name = (char **)argument;
        char *wrapped = *name;
        *name = sqlite3_mprintf(SIDELIGHT_VFS_NAME "/%s", wrapped != NULL ? wrapped : "?");
        sqlite3_free(wrapped);
    }
    return code;
}

static int file_sector_size(sqlite3_file *file) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xSectorSize(real);
}

static int file_device_characteristics(sqlite3_file *file) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xDeviceCharacteristics(real);
}

static int file_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **out) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xShmMap(real, page, bytes, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xShmLock(real, offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
    sqlite3_file *real = real_file(file);
    real->pMethods->xShmBarrier(real);
}

static int file_shm_unmap(sqlite3_file *file, int delete_flag) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xShmUnmap(real, delete_flag);
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int bytes, void **out) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xFetch(real, offset, bytes, out);
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
    sqlite3_file *real = real_file(file);
    return real->pMethods->xUnfetch(real, offset, page);
}

#define METHODS_1                                                                     \
    .xClose = file_close, .xRead = file_read, .xWrite = file_write,                   \
    .xTruncate = file_truncate, .xSync = file_sync, .xFileSize = file_size,           \
    .xLock = file_lock, .xUnlock = file_unlock,                                       \
    .xCheckReservedLock = file_check_reserved_lock, .xFileControl = file_control,     \
    .xSectorSize = file_sector_size, .xDeviceCharacteristics = file_device_characteristics
#define METHODS_2                                                                     \
    METHODS_1, .xShmMap = file_shm_map, .xShmLock = file_shm_lock,                    \
    .xShmBarrier = file_shm_barrier, .xShmUnmap = file_shm_unmap
#define METHODS_3 METHODS_2, .xFetch = file_fetch, .xUnfetch = file_unfetch

static const sqlite3_io_methods methods_1 = {.iVersion = 1, METHODS_1};
static const sqlite3_io_methods methods_2 = {.iVersion = 2, METHODS_2};
static const sqlite3_io_methods methods_3 = {.iVersion = 3, METHODS_3};
/// Locking styles without shared memory leave those methods out of a version 3 table.
static const sqlite3_io_methods methods_3_without_shm = {
    .iVersion = 3, METHODS_1, .xFetch = file_fetch, .xUnfetch = file_unfetch};

static const sqlite3_io_methods *methods_like(const sqlite3_io_methods *real) {
    if (real->iVersion >= 3 && real->xFetch != NULL) {
        return real->xShmMap != NULL ? &methods_3 : &methods_3_without_shm;
    }
    return real->iVersion >= 2 && real->xShmMap != NULL ? &methods_2 : &methods_1;
}

// ---- The VFS

static sqlite3_vfs *real_vfs(sqlite3_vfs *vfs) { return (sqlite3_vfs *)vfs->pAppData; }

static int vfs_open(
    sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags) {
    wrapped_file *wrapped = (wrapped_file *)file;
    wrapped->base.pMethods = NULL;
    wrapped->path = path;
    wrapped->real = (sqlite3_file *)((char *)file + WRAPPER_BYTES);
    wrapped->real->pMethods = NULL;
    count(&opens, 0);
    if (sidelight_faults_are_armed()) {
        int code = fault(file, SIDELIGHT_VFS_OPEN, 0);
        if (code != SQLITE_OK) return code;
    }
    sqlite3_vfs *real = real_vfs(vfs);
    int code = real->xOpen(real, path, wrapped->real, flags, out_flags);
    // Also after an error: if the wrapped file wants to be closed, SQLite must call us to do it.
    if (wrapped->real->pMethods != NULL) {
        wrapped->base.pMethods = methods_like(wrapped->real->pMethods);
    }
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory) {
    return real_vfs(vfs)->xDelete(real_vfs(vfs), path, sync_directory);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
    return real_vfs(vfs)->xAccess(real_vfs(vfs), path, flags, result);
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *path, int length, char *out) {
    return real_vfs(vfs)->xFullPathname(real_vfs(vfs), path, length, out);
}

static void *vfs_dl_open(sqlite3_vfs *vfs, const char *path) {
    return real_vfs(vfs)->xDlOpen(real_vfs(vfs), path);
}

static void vfs_dl_error(sqlite3_vfs *vfs, int length, char *message) {
    real_vfs(vfs)->xDlError(real_vfs(vfs), length, message);
}

static void (*vfs_dl_sym(sqlite3_vfs *vfs, void *library, const char *symbol))(void) {
    return real_vfs(vfs)->xDlSym(real_vfs(vfs), library, symbol);
}

static void vfs_dl_close(sqlite3_vfs *vfs, void *library) {
    real_vfs(vfs)->xDlClose(real_vfs(vfs), library);
}

static int vfs_randomness(sqlite3_vfs *vfs, int length, char *out) {
    return real_vfs(vfs)->xRandomness(real_vfs(vfs), length, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    return real_vfs(vfs)->xSleep(real_vfs(vfs), microseconds);
}

static int vfs_current_time(sqlite3_vfs *vfs, double *time) {
    return real_vfs(vfs)->xCurrentTime(real_vfs(vfs), time);
}

static int vfs_get_last_error(sqlite3_vfs *vfs, int length, char *out) {
    return real_vfs(vfs)->xGetLastError(real_vfs(vfs), length, out);
}

static int vfs_current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *time) {
    return real_vfs(vfs)->xCurrentTimeInt64(real_vfs(vfs), time);
}

static int vfs_set_system_call(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr call) {
    return real_vfs(vfs)->xSetSystemCall(real_vfs(vfs), name, call);
}

static sqlite3_syscall_ptr vfs_get_system_call(sqlite3_vfs *vfs, const char *name) {
    return real_vfs(vfs)->xGetSystemCall(real_vfs(vfs), name);
}

static const char *vfs_next_system_call(sqlite3_vfs *vfs, const char *name) {
    return real_vfs(vfs)->xNextSystemCall(real_vfs(vfs), name);
}

static sqlite3_vfs wrapper = {
    .zName = SIDELIGHT_VFS_NAME,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_pathname,
    .xDlOpen = vfs_dl_open,
    .xDlError = vfs_dl_error,
    .xDlSym = vfs_dl_sym,
    .xDlClose = vfs_dl_close,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_current_time,
    .xGetLastError = vfs_get_last_error,
};

/// Takes from the wrapped VFS its sizes and the methods that newer versions of the structure have.
static void adopt(sqlite3_vfs *real) {
    wrapper.iVersion = real->iVersion < 3 ? real->iVersion : 3;
    wrapper.szOsFile = WRAPPER_BYTES + real->szOsFile;
    wrapper.mxPathname = real->mxPathname;
    wrapper.pAppData = real;
    if (wrapper.iVersion >= 2 && real->xCurrentTimeInt64 != NULL) {
        wrapper.xCurrentTimeInt64 = vfs_current_time_int64;
    }
    if (wrapper.iVersion >= 3 && real->xSetSystemCall != NULL) {
        wrapper.xSetSystemCall = vfs_set_system_call;
        wrapper.xGetSystemCall = vfs_get_system_call;
        wrapper.xNextSystemCall = vfs_next_system_call;
    }
}

int sidelight_vfs_register(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int registered;
    int code = SQLITE_OK;
    pthread_mutex_lock(&lock);
    if (!registered) {
        sqlite3_vfs *real = sqlite3_vfs_find(NULL);
        if (real == NULL) {
            code = SQLITE_ERROR;
        } else {
            adopt(real);
            code = sqlite3_vfs_register(&wrapper, 1);
            registered = code == SQLITE_OK;
        }
    }
    pthread_mutex_unlock(&lock);
    return code;
}
