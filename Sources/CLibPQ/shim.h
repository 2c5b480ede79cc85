// libpq, PostgreSQL's own client library, as a module (Debian: apt-get install libpq-dev), and the
// few Linux calls beside it that Swift's Glibc module leaves out.
#pragma once
#include <libpq-fe.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/eventfd.h>

// Declared by glibc only under _GNU_SOURCE, which a module map cannot set.
int pthread_setname_np(pthread_t thread, const char *name);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

enum { LS_POSIX_SPAWN_SETSID = 0x80 };
