import Domain
import Foundation
import LocalStack
import Settings

/// What the payment simulator has in its books.
struct GatewayBooks: Sendable {
    struct IntentRow: Sendable {
        let id: String
        let payment: PaymentID?
        let capturedMinor: Int64
        let refundedMinor: Int64
    }

    var intents: [IntentRow] = []

    /// Reads `GET /simulator/books`.
    /// - Returns: `nil` when PAYMENT_GATEWAY_URL names no simulator.
    static func read(_ settings: Settings) async throws -> GatewayBooks? {
        guard let text = settings.optional("PAYMENT_GATEWAY_URL"), let url = URLComponents(string: text), let port = url.port,
            url.host == "127.0.0.1" || url.host == "localhost"
        else { return nil }
        let answer = try await HTTPProbe(port: port, timeout: .seconds(30)).get("/simulator/books")
        guard answer.status == 200 else { return nil }
        var books = GatewayBooks()
        for line in answer.text.split(separator: "\n") {
            let row = try JSONDecoder().decode(JSONValue.self, from: Data(line.utf8))
            guard row["object"].string == "payment_intent", let id = row["id"].string else { continue }
            books.intents.append(
                IntentRow(
                    id: id, payment: row["metadata"]["payment_id"].string.flatMap { PaymentID($0) },
                    capturedMinor: Int64(row["captured_minor"].int ?? 0),
                    refundedMinor: Int64(row["refunded_minor"].int ?? 0)))
        }
        return books
    }
}
