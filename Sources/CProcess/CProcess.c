#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Between fork and exec: calls that are safe after a fork of a program with threads, and nothing else.
static void run_child(
    const char *file, char *const argv[], char *const envp[], const char *folder, const int fds[4],
    pid_t parent, int report) {
    int copies[4];
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;

    setpgid(0, 0);
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) goto failed;
    if (getppid() != parent) _exit(127);
    // Copies first, so that no target number overwrites a source.
    for (int index = 0; index < 4; index++) {
        copies[index] = fcntl(fds[index], F_DUPFD_CLOEXEC, 16);
        if (copies[index] < 0) goto failed;
    }
    report = fcntl(report, F_DUPFD_CLOEXEC, 16);
    if (report < 0) _exit(127);
    for (int index = 0; index < 4; index++) {
        if (dup2(copies[index], index) < 0) goto failed;
    }
#ifdef SYS_close_range
    // Flag CLOSE_RANGE_CLOEXEC: what others opened without the flag stays here. Old kernels lack the call.
    syscall(SYS_close_range, 4U, ~0U, 4U);
#endif
    if (folder && chdir(folder) != 0) goto failed;
    execvpe(file, argv, envp);
failed : {
    int error = errno;
    ssize_t written = write(report, &error, sizeof error);
    _exit(written == sizeof error ? 127 : 126);
}
}

int cprocess_spawn(
    const char *file, char *const argv[], char *const envp[], const char *folder, const int fds[4],
    pid_t *child) {
    int report[2];
    int error = 0;
    ssize_t got;
    sigset_t all, before;
    pid_t parent = getpid();

    if (pipe2(report, O_CLOEXEC) != 0) return errno;
    // No handler of ours may run in the child.
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t id = fork();
    if (id == 0) run_child(file, argv, envp, folder, fds, parent, report[1]);
    int fork_error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (id < 0) {
        close(report[0]);
        return fork_error;
    }
    do {
        got = read(report[0], &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got == sizeof error) {
        while (waitpid(id, NULL, 0) < 0 && errno == EINTR) continue;
        return error;
    }
    *child = id;
    return 0;
}

int cprocess_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    return 0;
}

int cprocess_wait(pid_t child) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) != 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}

int cprocess_reap(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return 255;
    }
    if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

void cprocess_keep_freed_memory(int piece_max, int kept_max) {
    mallopt(M_MMAP_THRESHOLD, piece_max);
    mallopt(M_TRIM_THRESHOLD, kept_max);
}
