#ifndef CPROCESS_H
#define CPROCESS_H

#include <sys/types.h>

/// Starts `file` (searched in PATH) in a process group of its own, with `fds[0..3]` as its descriptors
/// 0 to 3 and no others, in `folder` if that is not NULL. The child is killed when the calling thread ends.
/// Returns 0 and the child's id, or the error number of what failed, exec included.
int cprocess_spawn(
    const char *file, char *const argv[], char *const envp[], const char *folder, const int fds[4],
    pid_t *child);

/// A pipe whose ends are closed on exec and whose reading end does not block. Returns 0 or an error number.
int cprocess_pipe(int ends[2]);

/// Waits until the child has ended but leaves its id taken. Returns 0 or an error number.
int cprocess_wait(pid_t child);

/// Frees the id of a child that has ended. Returns its exit status, or 128 plus the signal that ended it.
int cprocess_reap(pid_t child);

/// Has the allocator keep freed memory for the next use: pieces of up to `piece_max` bytes come from the
/// heap, and up to `kept_max` free bytes at the end of each heap are not given back to the system.
void cprocess_keep_freed_memory(int piece_max, int kept_max);

#endif
