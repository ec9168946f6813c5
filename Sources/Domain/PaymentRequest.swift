/// The body of `POST /payments`, checked as far as that is possible without the stores.
public struct PaymentRequest: Equatable, Sendable {
    public let booking: BookingID
    public let means: PaymentMeans

    /// Reads and checks the JSON.
    /// - Throws: every fault that was found, each with its field.
    public init(json: [UInt8]) throws(ValidationFailure) {
        var booking: String?
        var fields = PaymentMeans.Fields()
        try readBody(json) { (key, value) throws(JSONError) in
            if try fields.take(key, &value) { return true }
            guard key == "booking_id" else { return false }
            booking = try value.string()
            return true
        }
        var faults: [ValidationFailure.Fault] = []
        let id = booking.flatMap { BookingID($0) }
        if id == nil { faults.append(.init(field: "booking_id", reason: booking == nil ? "is required" : "must be a UUID")) }
        let means = fields.validated(&faults)
        guard faults.isEmpty, let id, let means else { throw ValidationFailure(faults: faults) }
        self.booking = id
        self.means = means
    }
}

/// The body of `POST /bookings/{id}/confirm`: pay by card, or by what it names instead.
public struct ConfirmRequest: Equatable, Sendable {
    public let means: PaymentMeans

    /// Reads and checks the JSON.
    /// - Parameters:
    ///   - json: may be empty.
    ///   - defaultToken: pays where the body has no token; without one the body must have it.
    /// - Throws: every fault that was found, each with its field.
    public init(json: [UInt8], defaultToken: String?) throws(ValidationFailure) {
        var fields = PaymentMeans.Fields()
        if !json.isEmpty { try readBody(json) { (key, value) throws(JSONError) in try fields.take(key, &value) } }
        var faults: [ValidationFailure.Fault] = []
        guard let means = fields.validated(&faults, defaultMethod: .card, defaultToken: defaultToken), faults.isEmpty else {
            throw ValidationFailure(faults: faults)
        }
        self.means = means
    }
}

/// The body of a write that takes nothing: empty, or an object without members.
public enum EmptyRequest {
    /// - Throws: the fault, with its field.
    public static func check(json: [UInt8]) throws(ValidationFailure) {
        if !json.isEmpty { try readBody(json) { (_, _) throws(JSONError) in false } }
    }
}

/// Reads one object; a member that `take` does not know is a fault.
func readBody(_ json: [UInt8], _ take: (String, inout JSONReader) throws(JSONError) -> Bool) throws(ValidationFailure) {
    var reader = JSONReader(json)
    do {
        try reader.object { (key, value) throws(JSONError) in
            guard try take(key, &value) else { throw JSONError(path: [], reason: "is not a known field") }
        }
        try reader.end()
    } catch {
        throw ValidationFailure(error)
    }
}
