#define _GNU_SOURCE
#include "CEpoll.h"
#include <sys/epoll.h>
#include <time.h>

enum { batch = 256 };

int cepoll_create(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

int cepoll_add(int epoll, int descriptor, int tag) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u32 = (unsigned)tag};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int cepoll_wait(int epoll, struct cepoll_event *events, int capacity, long long timeout_ns) {
    struct epoll_event raw[batch];
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    int count = epoll_pwait2(epoll, raw, capacity < batch ? capacity : batch, &timeout, 0);
    for (int index = 0; index < count; index++) {
        unsigned flags = raw[index].events;
        events[index].tag = (int)raw[index].data.u32;
        events[index].readable = (flags & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0;
        events[index].writable = (flags & EPOLLOUT) != 0;
        events[index].closed = (flags & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    }
    return count;
}
