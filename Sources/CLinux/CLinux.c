#define _GNU_SOURCE
#include "CLinux.h"

#include <pthread.h>
#include <sys/eventfd.h>

int clinux_set_thread_name(const char *name) {
    return pthread_setname_np(pthread_self(), name);
}

int clinux_eventfd(void) {
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void clinux_eventfd_signal(int descriptor) {
    // Only a counter at its limit refuses, and then the reader is woken already.
    (void)eventfd_write(descriptor, 1);
}
