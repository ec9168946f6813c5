import Domain
import Synchronization

/// The value of the `Date` header, made once a second.
final class DateHeader: Sendable {
    private let cached = Mutex<(second: Int64, text: String)>((-1, ""))

    var text: String {
        let now = Timestamp.now
        return cached.withLock { cached in
            if cached.second != now.ms / 1000 { cached = (now.ms / 1000, now.httpDate) }
            return cached.text
        }
    }
}
