public import Domain
import LuaScripts
import RedisClient

/// What is known of an event's line outside Redis: the newest state of the line, and of each user's place.
public struct QueueState: Sendable {
    public var line: QueueLine?
    public private(set) var places: [UserID: QueuePlace] = [:]

    public init() {}

    /// Takes an event; the highest version counts.
    public mutating func take(_ event: QueueEvent) {
        switch event {
        case .line(let new): if line?.version ?? -1 < new.version { line = new }
        case .place(let new): if places[new.user]?.version ?? -1 < new.version { places[new.user] = new }
        }
    }
}

extension BookingEngine {
    /// Places in one call of the script: Redis does nothing else meanwhile, some 2 ms.
    private static let placesAtOnce = 200

    /// Puts back what Redis may have forgotten of an event's line; what is not newer than Redis' own changes nothing, however often it comes.
    /// - Returns: how many places were put back.
    public func restoreQueue(_ event: EventID, _ state: QueueState) async throws(EngineError) -> Int {
        guard let tenant = state.line?.tenant ?? state.places.values.first?.tenant else { return 0 }
        let line = state.line
        let head: [RedisArgument] = [
            .string(tenant.description), .string(line?.mode.rawValue ?? ""), .string(line?.origin.rawValue ?? ""), .string(line?.actor ?? ""),
            .string(line?.seed ?? ""), .int(line?.drawnTo ?? 0), .int(line?.version ?? 0), .int(line?.updatedAt.ms ?? 0),
        ]
        let places = Array(state.places.values)
        let calls = stride(from: 0, to: max(1, places.count), by: Self.placesAtOnce).map { start in
            QueueCall(event).with(head + places[start..<min(start + Self.placesAtOnce, places.count)].flatMap(Self.arguments))
        }
        var restored = 0
        for reply in try await evaluate(LuaScript.restoreQueue, calls) {
            guard let count = reply.elements?.first?.int else { throw .unexpected("restore queue", reply) }
            restored += Int(count)
        }
        return restored
    }

    private static func arguments(_ place: QueuePlace) -> [RedisArgument] {
        [
            .string(place.user.description), .string(place.id.description), .string(place.status.rawValue), .int(place.number),
            .int(place.joinedAt.ms), .int(place.updatedAt.ms), .int(place.passExpiresAt?.ms ?? 0), .int(place.version),
            .string(place.place.map(String.init) ?? ""),
        ]
    }
}
