import Domain
import NIOCore

extension Simulator {
    /// All intents and refunds, one JSON object a line: what the inventory check counts money by.
    func report(_ reply: Reply) {
        var place = 0
        let ends = (intents: books.intents.count, refunds: books.refunds.count)
        let stream = NIOLoopBound(
            { [self] in
                reply.stream(contentType: "application/x-ndjson") { [self] in
                    guard place < ends.intents + ends.refunds else { return nil }
                    var lines: [UInt8] = []
                    for _ in 0..<SimulatorLimits.booksPiece where place < ends.intents + ends.refunds {
                        lines += place < ends.intents ? line(books.intents[place]) : line(books.refunds[place - ends.intents])
                        lines.append(UInt8(ascii: "\n"))
                        place += 1
                    }
                    return lines
                }
            }, eventLoop: loop)
        journal.whenDurable { stream.value() }
    }

    private func line(_ intent: IntentRecord) -> [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.member("object", "payment_intent")
            json.member("id", intent.id)
            json.member("status", intent.view.status.rawValue)
            json.member("method", intent.method)
            json.member("currency", intent.currency.uppercased())
            json.member("amount_minor", intent.amount)
            json.member("captured_minor", intent.view.received)
            json.member("refunded_minor", intent.refunded)
            json.member("captures", intent.captures)
            json.member("refused_captures", intent.refusedCaptures)
            json.member("confirmations", intent.confirmations)
            json.member("created_ms", intent.createdMs)
            json.key("metadata")
            json.raw(StripeJSON.metadata(intent.metadata))
        }
        return json.bytes
    }

    private func line(_ refund: RefundRecord) -> [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.member("object", "refund")
            json.member("id", refund.id)
            json.member("payment_intent", books.intents[refund.intent].id)
            json.member("status", refund.status.rawValue)
            json.member("currency", books.intents[refund.intent].currency.uppercased())
            json.member("amount_minor", refund.amount)
            json.member("created_ms", refund.createdMs)
            json.key("metadata")
            json.raw(StripeJSON.metadata(refund.metadata))
        }
        return json.bytes
    }
}
