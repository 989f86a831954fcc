/* Loaded into the server before the C library: a resolver that gives one name another address each time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>

typedef int (*lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static atomic_uint asked;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    lookup next = (lookup)dlsym(RTLD_NEXT, "getaddrinfo");
    if (node && strcmp(node, "rebind.example") == 0)
        node = atomic_fetch_add(&asked, 1) % 2 ? "127.0.0.1" : "127.0.0.2";
    return next(node, service, hints, found);
}
