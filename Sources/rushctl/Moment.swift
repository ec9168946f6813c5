import ArgumentParser
import Domain
import Foundation

/// A time as a person types it.
struct Moment: ExpressibleByArgument {
    let timestamp: Timestamp

    init?(argument: String) {
        if let timestamp = Timestamp(rfc3339: argument) {
            self.timestamp = timestamp
            return
        }
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let count = Int64(argument.dropLast()), (1...1_000_000).contains(count) else {
            return nil
        }
        timestamp = Timestamp(ms: Int64(Date().timeIntervalSince1970 * 1000) - count * unit * 1000)
    }
}
