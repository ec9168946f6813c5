import Authentication
import BookingEngine
import Domain

/// What the routes need of the waiting room beside the engine.
struct WaitingRoom: Sendable {
    /// Signs passes and verifies them.
    let passes: QueuePassKey
    /// Wakes those who wait for their turn.
    let board: QueueBoard
    /// Counts reserves, for a line that opens by itself.
    let arrivals: ArrivalCounter

    /// Where one joins, as refusals tell it.
    static let joinPath = "/api/v1/queue/join"

    /// Looks at the `X-Queue-Pass` of a reserve; no store is asked.
    func check(_ text: String?, user: UserID, event: EventID) -> Result<QueuePass, QueuePassFault> {
        // The clock is looked at only for those who have one.
        guard let text else { return .failure(.missing) }
        return Result { () throws(QueuePassFault) in
            try passes.pass(text, user: user, event: event, now: Timestamp(ms: BookingEngine.wallClockMs()))
        }
    }
}

extension APIError {
    /// Queue mode is on, and the reserve had no pass that opens the door.
    static func queueRequired(_ fault: QueuePassFault) -> APIError {
        let reason =
            switch fault {
            case .missing: "is required for this event just now"
            case .forged: "is not signed by this service"
            case .expired: "has expired"
            case .foreign: "belongs to another user"
            case .otherEvent: "is for another event"
            case .used: "was used"
            case .revoked: "was given back, or its line has ended"
            }
        var error = APIError(.queueRequired, "This event is sold through the waiting room: the pass \(reason).")
        error.details = [
            .init(field: "X-Queue-Pass", reason: reason), .init(field: "event_id", reason: "join at POST \(WaitingRoom.joinPath)"),
        ]
        return error.retry(afterSeconds: 1)
    }
}
