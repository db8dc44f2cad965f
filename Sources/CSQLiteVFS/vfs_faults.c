// The faults that tests install: a small table under one lock, looked at only while it is not empty.

#include "vfs_faults.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "CSQLiteVFS.h"

enum { FAULTS_MAX = 16, PATH_MAX_BYTES = 256 };

typedef struct {
    int installed;
    char path_contains[PATH_MAX_BYTES];
    sidelight_vfs_fault fault;
    int64_t hits;
} slot;

atomic_int sidelight_faults_armed;
static slot slots[FAULTS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int sidelight_vfs_add_fault(const sidelight_vfs_fault *fault) {
    const char *part = fault->path_contains != NULL ? fault->path_contains : "";
    if (strlen(part) >= PATH_MAX_BYTES) return -1;
    int number = -1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAULTS_MAX && number < 0; i++) {
        if (slots[i].installed) continue;
        number = i;
        slots[i].installed = 1;
        slots[i].hits = 0;
        slots[i].fault = *fault;
        slots[i].fault.path_contains = NULL;
        strcpy(slots[i].path_contains, part);
        atomic_fetch_add(&sidelight_faults_armed, 1);
    }
    pthread_mutex_unlock(&lock);
    return number;
}

void sidelight_vfs_remove_fault(int number) {
    if (number < 0 || number >= FAULTS_MAX) return;
    pthread_mutex_lock(&lock);
    if (slots[number].installed) {
        slots[number].installed = 0;
        atomic_fetch_sub(&sidelight_faults_armed, 1);
    }
    pthread_mutex_unlock(&lock);
}

int64_t sidelight_vfs_fault_hits(int number) {
    if (number < 0 || number >= FAULTS_MAX) return 0;
    pthread_mutex_lock(&lock);
    int64_t hits = slots[number].hits;
    pthread_mutex_unlock(&lock);
    return hits;
}

/// The verdict of one fault on one call that it matches; 0: go on.
static int judge(slot *s, int64_t growth) {
    sidelight_vfs_fault *fault = &s->fault;
    if (fault->quota_bytes >= 0) {
        if (growth <= fault->quota_bytes) {
            fault->quota_bytes -= growth;
            return SQLITE_OK;
        }
        s->hits++;
        return SQLITE_FULL;
    }
    if (fault->after > 0) {
        fault->after--;
        return SQLITE_OK;
    }
    if (fault->times < 0) return SQLITE_OK;
    if (fault->times > 0 && --fault->times == 0) fault->times = -1;
    s->hits++;
    return fault->code;
}

int sidelight_faults_judge(const char *path, int operation, int64_t growth) {
    const char *name = path != NULL ? path : "";
    int code = SQLITE_OK;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAULTS_MAX && code == SQLITE_OK; i++) {
        slot *s = &slots[i];
        if (!s->installed || !(s->fault.operations & operation)) continue;
        if (strstr(name, s->path_contains) == NULL) continue;
        code = judge(s, growth);
    }
    pthread_mutex_unlock(&lock);
    return code;
}
