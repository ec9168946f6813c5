// epoll for Swift, whose Glibc module does not import it. Only plain types: see CLinux.h.
#ifndef CEPOLL_H
#define CEPOLL_H

/// What happened to the descriptor that was added with this tag.
struct cepoll_event {
    int tag;
    /// There is something to read, an error included.
    int readable;
    int writable;
    /// The peer has closed its side, or the connection is gone.
    int closed;
};

/// Returns a descriptor, closed on exec, or -1 with errno set.
int cepoll_create(void);

/// Watches `descriptor` edge-triggered for all of the above. Returns 0, or -1 with errno set.
int cepoll_add(int epoll, int descriptor, int tag);

/// Waits for at most `timeout_ns`. Returns how many of `events` were filled, or -1 with errno set.
int cepoll_wait(int epoll, struct cepoll_event *events, int capacity, long long timeout_ns);

#endif
