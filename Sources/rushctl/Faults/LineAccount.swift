import BookingEngine
import Domain
import LocalStack
import Topics

/// The line of the event that has one: opens it, and afterwards holds who bought against who was admitted.
struct LineAccount {
    let installation: Installation
    let event: String

    func open() async throws {
        guard let event = EventID(event) else { return }
        try await Connections.redis(installation.settings) { redis in
            _ = try await BookingEngine(redis: redis).setQueueMode(event: event, mode: .fifo, actor: "operator:faults")
        }
    }

    /// Everybody joined once, so nobody may be admitted twice; and nobody may have a booking who was not.
    func settle(_ report: inout FaultReport) async throws {
        // A transition may stand on the topic twice; its version tells.
        var admissions: [String: Set<Int64>] = [:]
        try await TopicReader.read(.queueEvents, bootstrapServers: installation.settings.required("KAFKA_BOOTSTRAP_SERVERS")) { message in
            guard let value = message.value, let told = try? QueueEvent(json: value), case .place(let place) = told, place.status == .admitted,
                "\(place.event)" == event
            else { return }
            admissions["\(place.user)", default: []].insert(place.version)
        }
        report.admitted = admissions.count
        report.admittedTwice = admissions.values.count { $0.count > 1 }
        let buyers = try await Connections.database(installation.settings) { database in
            try await database.query("SELECT DISTINCT user_id FROM bookings WHERE event_id = $1::uuid", [.text(event)]).map {
                try $0.string("user_id")
            }
        }
        report.faults += buyers.filter { admissions[$0] == nil }.map { "user \($0): a booking without a turn in the line" }
        if admissions.isEmpty { report.faults.append("the line admitted nobody") }
    }
}
