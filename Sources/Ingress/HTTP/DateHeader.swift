import BookingEngine
import Domain
import HTTPTypes
import Synchronization

/// The `Date` header, made once a second.
final class DateHeader: Sendable {
    private let cached = Mutex<(second: Int64, field: HTTPField)>((-1, HTTPField(name: .date, value: "")))

    var field: HTTPField {
        let now = Timestamp.now
        return cached.withLock { cached in
            if cached.second != now.ms / 1000 { cached = (now.ms / 1000, HTTPField(name: .date, value: now.httpDate)) }
            return cached.field
        }
    }
}
