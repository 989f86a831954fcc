/* Loaded into the server before the C library: a disk that does as it is told, for SQLite's file and its log. In the
 * directory that DISK names, a file "hold" makes every sync wait (which a file "held" then tells) and "fail" makes it fail;
 * after each one that succeeds, "kept" holds what is on the disk for certain: what was in the file when the sync was
 * asked for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void place(char *path, const char *name, const char *end) {
    snprintf(path, 4096, "%s/%s%s", getenv("DISK"), name, end);
}

static void make(const char *name) {
    char path[4096];
    place(path, name, "");
    close(open(path, O_WRONLY | O_CREAT, 0600));
}

static int is_there(const char *name) {
    char path[4096];
    place(path, name, "");
    return access(path, F_OK) == 0;
}

/* The last part of a file's path, where it is a database or a log of one. */
static const char *name_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    if (length < 0)
        return NULL;
    path[length] = 0;
    const char *end = strrchr(path, '.');
    if (!end || (strcmp(end, ".db") && strcmp(end, ".db-wal")))
        return NULL;
    return strrchr(path, '/') + 1;
}

/* Through a descriptor that is open already: closing another one of the database would end SQLite's locks on it. Only
 * the log may be open for writing alone, and nobody holds locks on that. */
static void copy(int fd, const char *path, const char *to) {
    static char buffer[1 << 16];
    int own = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY ? open(path, O_RDONLY) : -1;
    int from = own >= 0 ? own : fd, target = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    off_t offset = 0;
    ssize_t length;
    while ((length = pread(from, buffer, sizeof buffer, offset)) > 0)
        if (write(target, buffer, length) != length)
            abort();
        else
            offset += length;
    close(target);
    if (own >= 0)
        close(own);
}

static int sync_as_told(int fd, const char *function) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, function);
    char path[4096], copied[4096], kept[4096];
    const char *name = name_of(fd, path);
    if (!name)
        return sync(fd);
    while (is_there("hold")) {
        make("held");
        usleep(1000);
    }
    pthread_mutex_lock(&one_at_a_time);
    int result = -1, error = EIO;
    if (!is_there("fail")) {
        place(copied, name, ".copied");
        place(kept, "kept/", name);
        copy(fd, path, copied);
        result = sync(fd);
        error = errno;
        if (result == 0 && rename(copied, kept))
            abort();
    }
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return result;
}

int fsync(int fd) { return sync_as_told(fd, "fsync"); }

int fdatasync(int fd) { return sync_as_told(fd, "fdatasync"); }
