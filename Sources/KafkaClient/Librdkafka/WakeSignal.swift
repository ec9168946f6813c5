import Glibc

/// A flag that one thread sleeps on and any thread raises; raising before the wait is not lost.
final class WakeSignal: @unchecked Sendable {
    // Sendable: both objects live at fixed addresses for the life of this one, and `raised` is touched only under the mutex.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var raised = false

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Wakes the waiting thread, or lets its next wait return at once.
    func raise() {
        pthread_mutex_lock(mutex)
        let first = !raised
        raised = true
        pthread_mutex_unlock(mutex)
        if first { pthread_cond_signal(condition) }
    }

    /// Waits until raised or until the time has passed, and lowers the flag.
    func wait(_ limit: Duration) {
        var end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &end)
        let (seconds, attoseconds) = max(limit, .zero).components
        let nanoseconds = end.tv_nsec + Int(attoseconds / 1_000_000_000)
        end.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
        end.tv_nsec = nanoseconds % 1_000_000_000
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !raised {
            if pthread_cond_timedwait(condition, mutex, &end) != 0 { break }
        }
        raised = false
    }
}
