/// That somebody went in on a ticket, once for ever.
public struct TicketUse: Hashable, Sendable {
    /// Which of the booking's places, from 0.
    public let place: Int
    public let at: Timestamp
    /// 16 hex digits that tell one use from another: the one that asks again after its answer was lost is told the same.
    public let mark: String

    public init(place: Int, at: Timestamp, mark: String) {
        self.place = place
        self.at = at
        self.mark = mark
    }

    /// Reads `{"place":0,"at_ms":…,"mark":"…"}`.
    public init(_ reader: inout JSONReader) throws(JSONError) {
        var (place, at, mark): (Int64?, Int64?, String?)
        try reader.object { (key, value) throws(JSONError) in
            switch key {
            case "place": place = try value.int()
            case "at_ms": at = try value.int()
            case "mark": mark = try value.string()
            default: try value.skip()
            }
        }
        guard let place, 0..<100 ~= place, let at, let mark else { throw JSONError(path: [], reason: "is not the use of a ticket") }
        self.init(place: Int(place), at: Timestamp(ms: at), mark: mark)
    }

    /// An array of uses as the scripts write it: they look for its text, so there is one spelling.
    public static func json(_ uses: [TicketUse]) -> [UInt8] {
        var writer = JSONWriter(reserving: 64 * uses.count + 2)
        writer.array {
            for use in uses {
                $0.object {
                    $0.member("place", use.place)
                    $0.member("at_ms", use.at.ms)
                    $0.member("mark", use.mark)
                }
            }
        }
        return writer.bytes
    }

    /// Reads what ``json(_:)`` wrote, or PostgreSQL's spelling of it.
    public static func uses(json: [UInt8]) throws(JSONError) -> [TicketUse] {
        var reader = JSONReader(json)
        let uses = try read(&reader)
        try reader.end()
        return uses
    }

    static func read(_ reader: inout JSONReader) throws(JSONError) -> [TicketUse] {
        var uses: [TicketUse] = []
        try reader.array { (element) throws(JSONError) in uses.append(try TicketUse(&element)) }
        return uses
    }
}
