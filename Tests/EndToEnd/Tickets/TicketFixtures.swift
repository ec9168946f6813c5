import Foundation
import LocalStack
import TestSupport

extension Client {
    /// Reads the ticket of a booking.
    /// - Parameter query: with its question mark.
    func ticket(_ booking: String, _ query: String = "", accept: String? = nil) async throws -> HTTPAnswer {
        try await probe.get("/api/v1/bookings/\(booking)/ticket\(query)", headers: accept.map { [("Accept", $0)] } ?? [])
    }

    /// The codes of a booking, in the order of its places.
    func codes(_ booking: String) async throws -> [String] {
        let answer = try await ticket(booking)
        guard answer.status == 200, let tickets = answer.json["data"]["tickets"].array else {
            throw TestFailure("no ticket: \(answer.status) \(answer.text)")
        }
        return tickets.compactMap { $0["code"].string }
    }

    /// Shows a code at the door.
    func verify(_ code: String, show: String? = nil, key: String? = newKey()) async throws -> HTTPAnswer {
        let door = show.map { #","show_id":"\#($0)""# } ?? ""
        return try await verify(json: #"{"code":"\#(code)"\#(door)}"#, key: key)
    }

    /// The same with a body as it is.
    func verify(json: String, key: String? = newKey()) async throws -> HTTPAnswer {
        try await probe.post("/api/v1/tickets/verify", json: json, headers: key.map { [("Idempotency-Key", $0)] } ?? [])
    }

    /// Buys named seats.
    func buy(_ zone: Event.Zone, seats: [String]) async throws -> (booking: String, payment: String) {
        let held = try Held(await reserve(zone, seats: seats))
        let accepted = try Accepted(await pay(held.id))
        let ended = try await outcome(of: accepted.operation)
        guard ended["status"].string == "succeeded", let payment = accepted.payment else { throw TestFailure("not paid: \(ended)") }
        return (held.id, payment)
    }
}

extension Installation {
    /// What a decoder that is not ours reads in an image.
    static func decode(_ image: [UInt8], _ type: String) async throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("ticket-\(UUID().uuidString).\(type)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(image).write(to: file)
        let output = try await Command.run(
            "/usr/bin/zbarimg", ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file.path], environment: [:], limit: .seconds(20))
        guard output.status == 0 else { throw TestFailure("zbarimg: \(output.status) \(output.errors)") }
        return output.text.trimmingCharacters(in: .newlines)
    }

    /// The link that a mail has, signed by other tools than ours.
    func ticketLink(_ booking: String, expires: Int) async throws -> String {
        let hex = booking.replacingOccurrences(of: "-", with: "") + String(repeating: "0", count: 16 - String(expires, radix: 16).count)
        let script = """
            { printf 'booking-rush link 1\\n'; printf '\(hex)\(String(expires, radix: 16))' | sed 's/../\\\\x&/g' | xargs -0 printf '%b'; } |
                openssl dgst -sha256 -mac HMAC -macopt 'key:\(stack.endpoints.ticketSecret)' -binary | head -c 16 | base32 | tr -d '=\\n'
            """
        let output = try await Command.run("/bin/bash", ["-c", script], environment: ["PATH": "/usr/bin:/bin"], limit: .seconds(20))
        guard output.status == 0, output.text.count == 26 else { throw TestFailure("openssl: \(output.text) \(output.errors)") }
        return "/api/v1/bookings/\(booking)/ticket?format=html&expires=\(expires)&signature=\(output.text)"
    }
}
