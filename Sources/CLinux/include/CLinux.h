// The few Linux calls that Swift's Glibc module does not import. Only plain types here: Glibc's own headers,
// included with other feature macros than Swift's module of them, would clash with it.
#ifndef CLINUX_H
#define CLINUX_H

/// Names the calling thread, as `top -H` and `gdb` show it; the kernel keeps 15 bytes. Returns 0 or an error number.
int clinux_set_thread_name(const char *name);

/// A counter that wakes a poll; non-blocking, closed on exec. Returns a descriptor, or -1 with errno set.
int clinux_eventfd(void);

/// Wakes whoever polls the descriptor.
void clinux_eventfd_signal(int descriptor);

#endif
